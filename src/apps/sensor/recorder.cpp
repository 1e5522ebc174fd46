#include "recorder.hpp"

#include "facts.hpp"
#include "notes.hpp"

#include <hinomi/consent/receipt.hpp>

#include <fmt/core.h>
#include <unistd.h>
#include <boost/json.hpp>

#include <algorithm>
#include <chrono>

namespace hinomi::sensor {
namespace {

namespace json = boost::json;
using base::Time;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kTake = 8'192;       // events in one go
constexpr std::size_t kRecordAt = 20'000;  // events that do not wait for the time to pass
constexpr auto kInboxEvery = std::chrono::milliseconds(500);
constexpr auto kStatusEvery = std::chrono::seconds(2);
constexpr auto kFlushEvery = std::chrono::seconds(5);
constexpr std::size_t kMaxNotes = 100;  // looked at in one go

json::array array_of(const std::vector<std::string>& items) {
  json::array out;
  for (const std::string& item : items) out.emplace_back(item);
  return out;
}

}  // namespace

Recorder::Recorder(const Config& config, consent::Trust trust, std::unique_ptr<consent::Ledger> ledger,
                   pipe::Pipe<model::Event>& observed, Hooks hooks, const base::Clock& clock)
    : config_(config),
      files_(config.data),
      trust_(std::move(trust)),
      ledger_(std::move(ledger)),
      observed_(observed),
      hooks_(std::move(hooks)),
      clock_(clock),
      started_(clock.now()),
      last_drop_look_(started_) {}

void Recorder::record(std::vector<model::Event> events) {
  const auto recorded = ledger_->record(std::move(events));
  const std::string trouble = recorded ? "" : recorded.error().what;
  if (trouble != last_trouble_) {
    if (trouble.empty()) fmt::print(stderr, "hinomi-probe: the ledger can be written again\n");
    else fmt::print(stderr, "hinomi-probe: the ledger cannot be written, events are counted as lost: {}\n", trouble);
    last_trouble_ = trouble;
  }
}

void Recorder::count_dropped() {
  const std::uint64_t dropped = observed_.counts().dropped;
  const Time now = clock_.now();
  if (dropped > dropped_told_) ledger_->report_loss("pipe", dropped - dropped_told_, last_drop_look_, now);
  dropped_told_ = dropped;
  last_drop_look_ = now;
}

void Recorder::run() {
  record({make_sensor_start(ledger_->manifest().digest(), hooks_.hooks(), hooks_.programs(), clock_.now())});
  const auto flush_after = std::chrono::milliseconds(config_.flush_milliseconds);
  const auto heartbeat_every = std::chrono::seconds(config_.heartbeat_seconds);
  std::vector<model::Event> waiting;
  auto flush_at = Steady::now() + flush_after;
  auto inbox_at = Steady::now();
  auto status_at = Steady::now();
  auto ledger_at = Steady::now() + kFlushEvery;
  auto heartbeat_at = Steady::now() + heartbeat_every;
  while (!observed_.at_end()) {
    const auto wait = std::max(Steady::duration::zero(), std::min({flush_at, inbox_at, status_at}) - Steady::now());
    std::vector<model::Event> taken = observed_.pop_for(kTake, wait);
    std::ranges::move(taken, std::back_inserter(waiting));
    const auto now = Steady::now();
    if (now >= flush_at || waiting.size() >= kRecordAt) {
      count_dropped();
      record(std::exchange(waiting, {}));
      flush_at = now + flush_after;
    }
    if (now >= inbox_at) {
      look_into_inbox();
      inbox_at = now + kInboxEvery;
    }
    if (now >= heartbeat_at) {
      (void)ledger_->heartbeat();  // its failure is in the ledger's status
      heartbeat_at = now + heartbeat_every;
    }
    if (now >= ledger_at) {
      (void)ledger_->flush();
      ledger_at = now + kFlushEvery;
    }
    if (now >= status_at) {
      write_status("running");
      status_at = now + kStatusEvery;
    }
  }
  count_dropped();
  waiting.push_back(make_sensor_stop(ledger_->manifest().digest(), clock_.now()));
  record(std::move(waiting));
  (void)ledger_->flush();
  write_status("stopped");
}

void Recorder::refuse(const base::fs::path& file, const base::Error& error) {
  ++notes_refused_;
  last_refusal_ = fmt::format("{}: {}", file.filename().string(), error.what);
  fmt::print(stderr, "hinomi-probe: refused a note: {}\n", last_refusal_);
}

void Recorder::look_into_inbox() {
  std::error_code error;
  std::vector<base::fs::path> found;
  std::uint64_t bytes = 0;
  for (const auto& entry : base::fs::directory_iterator(files_.inbox(), error)) {
    const std::string name = entry.path().filename().string();
    std::error_code ignored;
    if (entry.is_regular_file(ignored) && !entry.is_symlink(ignored)) bytes += entry.file_size(ignored);
    const bool is_unfinished = name.starts_with('.');  // a temporary beside its final name
    if (!is_unfinished || bytes > config_.inbox_bytes) found.push_back(entry.path());
    if (found.size() >= kMaxNotes) break;
  }
  for (const base::fs::path& file : found) {
    const std::string name = file.filename().string();
    if (name == kReceiptName) {
      take_receipt(file);
    } else if (name.ends_with(kManifestSuffix)) {
      take_manifest(file);
    } else {
      refuse(file, {.code = base::Errc::malformed, .what = "nothing by that name belongs into the inbox"});
    }
    base::fs::remove(file, error);
  }
}

void Recorder::take_receipt(const base::fs::path& file) {
  const auto text = read_untrusted(file, consent::kMaxReceipt);
  if (!text) return refuse(file, text.error());
  const auto receipt = consent::open_receipt(*text, trust_.evidence_key, trust_.evidence_origin(), trust_.sensor);
  if (!receipt) return refuse(file, receipt.error());
  if (const auto done = ledger_->acknowledge(receipt->leaf_index, receipt->leaf_hash); !done)
    return refuse(file, done.error());
  ++notes_taken_;
}

void Recorder::take_manifest(const base::fs::path& file) {
  const auto note = read_untrusted(file, proof::kMaxNote);
  if (!note) return refuse(file, note.error());
  auto manifest = consent::open_manifest(*note, trust_.manifest_keys);
  if (!manifest) return refuse(file, manifest.error());
  const auto shared = std::make_shared<const consent::Manifest>(std::move(*manifest));
  if (const auto changed = ledger_->change_manifest(shared); !changed) return refuse(file, changed.error());
  if (const auto kept = base::write_file(files_.manifest(), *note, base::Durability::synced, 0644); !kept)
    refuse(file, kept.error());
  // Which rules hold from here on stands in the ledger, as it does at each start.
  record({make_sensor_start(shared->digest(), hooks_.hooks(), hooks_.programs(), clock_.now())});
  ++notes_taken_;
  fmt::print(stderr, "hinomi-probe: manifest version {} is in force\n", shared->version());
}

std::string Recorder::status_json(std::string_view state) const {
  const consent::LedgerStatus ledger = ledger_->status();
  const pipe::Counts queue = observed_.counts();
  const consent::Manifest& manifest = ledger_->manifest();
  const json::object out{
      {"state", state},
      {"time", clock_.now().rfc3339(3)},
      {"started", started_.rfc3339(3)},
      {"pid", ::getpid()},
      {"version", kVersion},
      {"organisation", trust_.organisation.text()},
      {"system", trust_.system.text()},
      {"sensor", trust_.sensor.text()},
      {"manifest", json::object{{"version", manifest.version()},
                                {"digest", manifest.digest().hex()},
                                {"valid_until", manifest.valid_until().rfc3339(0)}}},
      {"hooks", array_of(hooks_.hooks())},
      {"notices", array_of(hooks_.notices)},
      {"ledger", json::object{{"epoch", fmt::format("{:016x}", ledger.epoch)},
                              {"last_sequence", ledger.last_sequence},
                              {"leaves", ledger.leaves},
                              {"acknowledged", ledger.acknowledged},
                              {"first_payload", ledger.first_payload},
                              {"payload_bytes", ledger.payload_bytes},
                              {"spool_cap", ledger.spool_cap},
                              {"recorded", ledger.recorded},
                              {"withheld", ledger.withheld},
                              {"lost", ledger.lost},
                              {"trouble", ledger.trouble}}},
      {"queue", json::object{{"capacity", observed_.capacity()},
                             {"waiting", queue.pushed - queue.popped},
                             {"highest", queue.highest},
                             {"dropped", queue.dropped}}},
      {"inbox", json::object{{"taken", notes_taken_}, {"refused", notes_refused_}, {"last_refusal", last_refusal_}}}};
  return json::serialize(out) + "\n";
}

void Recorder::write_status(std::string_view state) {
  // A status that cannot be written is old, and its reader says so.
  (void)base::write_file(files_.probe_status(), status_json(state), base::Durability::renamed, 0644);
}

}  // namespace hinomi::sensor
