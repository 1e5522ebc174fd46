#include <hinomi/base/yaml.hpp>
#include <hinomi/consent/ledger.hpp>
#include <hinomi/proof/tree.hpp>

#include <fmt/core.h>
#include <sys/stat.h>
#include <protozero/pbf_writer.hpp>

#include <algorithm>
#include <span>
#include <utility>

namespace hinomi::consent {
namespace {

using base::Errc;
using base::fail;
using base::Result;
using base::Status;
using base::Time;
using model::Event;
using model::EventKind;

constexpr std::size_t kSalt = 32;
constexpr protozero::pbf_tag_type kEventsOfList = 1;  // schema/hinomi/v1/event.proto, EventList
constexpr std::size_t kMaxLosses = 64;  // kinds of loss remembered at a time; more are summed up as "other"
constexpr std::int64_t kRetryNanoseconds = 1'000'000'000;
constexpr std::uint64_t kSegmentsInSpool = 8;  // at least, so that what goes at a time is a small part of it
constexpr std::size_t kLeastSegment = 64U << 10;

std::string_view name_of_spool_loss(EventKind kind, std::string& buffer) {
  buffer = fmt::format("spool/{}", model::row_of(kind).name);
  return buffer;
}

}  // namespace

// What one leaf will hold.
struct Ledger::Piece {
  std::vector<Event> events;
  base::Bytes frame;
};

Ledger::Ledger(base::fs::path folder, Identity identity, proof::SigningKey key,
               std::shared_ptr<const Manifest> manifest, base::Bytes hash_key, Limits limits, const base::Clock& clock,
               base::Random& random)
    : folder_(std::move(folder)),
      identity_(std::move(identity)),
      key_(std::move(key)),
      limits_(limits),
      clock_(clock),
      random_(random),
      filter_(std::move(manifest), std::move(hash_key)) {}

Result<std::unique_ptr<Ledger>> Ledger::open(base::fs::path folder, Identity identity, proof::SigningKey key,
                                             std::shared_ptr<const Manifest> manifest, base::Bytes hash_key,
                                             Limits limits, const base::Clock& clock, base::Random& random) {
  TRY_VOID(check_validity(*manifest, identity.organisation, clock.now()));
  TRY_VOID(base::make_folder(folder, 0750));
  std::unique_ptr<Ledger> out(new Ledger(std::move(folder), std::move(identity), std::move(key), std::move(manifest),
                                         std::move(hash_key), limits, clock, random));
  TRY_VOID(out->read_state());
  if (out->manifest().version() < out->state_.manifest_version)
    return fail(Errc::conflict, fmt::format("manifest version {} was in force before; version {} does not follow it",
                                            out->state_.manifest_version, out->manifest().version()));
  // Zero is what an unset field reads as, so it is never an epoch.
  while (out->epoch_ == 0) out->epoch_ = random.number();
  TRY_VOID(out->open_log());
  out->committed_ = out->log_->size();
  out->state_.manifest_version = out->manifest().version();
  out->state_.acknowledged = std::min(out->state_.acknowledged, out->committed_);
  out->accounted_ = out->state_.accounted;
  // A crash after segments went and before that was reported shows here.
  TRY_VOID(out->account_dropped(out->first_payload_));
  TRY_VOID(out->write_state());
  return out;
}

Status Ledger::open_log() {
  log_.reset();
  const std::size_t segment = std::clamp<std::size_t>(spool_cap() / kSegmentsInSpool, kLeastSegment,
                                                      std::max(limits_.segment_bytes, kLeastSegment));
  log_ = TRY(tlog::TileLog::open(
      folder_, tlog::Options{.origin = identity_.origin, .segment_bytes = segment, .mode = 0640}, key_));
  first_payload_ = log_->first_payload();
  previous_.reset();
  if (log_->size() > 0) {
    const base::Bytes last = TRY(log_->leaf(log_->size() - 1));
    previous_ = proof::leaf_hash(last);
  }
  return {};
}

Status Ledger::read_state() {
  const auto text = base::read_file(folder_ / "state", 4096);
  if (!text) return text.error().code == Errc::not_found ? Status{} : Status(fail(text.error()));
  const auto damaged = [&](std::string_view what) {
    return fail(Errc::corrupt, fmt::format("{}: {}", (folder_ / "state").string(), what));
  };
  const auto root = base::Yaml::parse(*text);
  if (!root) return damaged(root.error().what);
  const auto number = [&](std::string_view key) -> Result<std::uint64_t> {
    const base::Yaml* node = root->find(key);
    if (node == nullptr) return damaged(fmt::format("'{}' is missing", key));
    const auto value = node->as_integer();
    if (!value || *value < 0) return damaged(fmt::format("'{}' is not a count", key));
    return static_cast<std::uint64_t>(*value);
  };
  state_.acknowledged = TRY(number("acknowledged"));
  state_.accounted = TRY(number("accounted"));
  state_.manifest_version = TRY(number("manifest_version"));
  written_ = state_;
  return {};
}

Status Ledger::write_state() {
  if (state_ == written_) return {};
  const std::string text = fmt::format("acknowledged: {}\naccounted: {}\nmanifest_version: {}\n", state_.acknowledged,
                                       state_.accounted, state_.manifest_version);
  TRY_VOID(base::write_file(folder_ / "state", text, base::Durability::synced, 0640));
  written_ = state_;
  return {};
}

std::uint64_t Ledger::spool_cap() const {
  return std::min(limits_.spool_bytes, filter_.manifest().limits().spool_bytes);
}

void Ledger::report_loss(std::string_view of, std::optional<std::uint64_t> count, Time since, Time until) {
  auto found = losses_.find(of);
  if (found == losses_.end()) {
    const std::string name(losses_.size() < kMaxLosses ? of : "other");
    found = losses_.try_emplace(name, Loss{.since = since, .until = until}).first;
  }
  Loss& loss = found->second;
  if (count) loss.count += *count;
  else loss.is_exact = false;
  loss.since = std::min(loss.since, since);
  loss.until = std::max(loss.until, until);
}

std::vector<Event> Ledger::loss_events() const {
  std::vector<Event> out;
  using enum model::Field;
  for (const auto& [of, loss] : losses_) {
    Event event{.kind = EventKind::loss, .source_time = loss.until, .observed_time = clock_.now()};
    event.set(loss_of, of);
    if (loss.count > 0 || loss.is_exact) event.set(loss_count, loss.count);
    event.set(loss_is_exact, std::uint64_t{loss.is_exact ? 1U : 0U});
    event.set(loss_since, loss.since).set(loss_until, loss.until);
    out.push_back(std::move(event));
  }
  return out;
}

void Ledger::count_as_lost(const std::vector<Event>& events) {
  std::string buffer;
  for (const Event& event : events) {
    if (event.kind == EventKind::loss) continue;  // what it says is still in losses_, or comes again
    report_loss(name_of_spool_loss(event.kind, buffer), 1, event.source_time, event.source_time);
    ++totals_.lost;
  }
}

Result<Recorded> Ledger::record(std::vector<Event> events) {
  Recorded out;
  std::vector<Event> passed;
  passed.reserve(events.size());
  const bool is_in_force = clock_.now() < filter_.manifest().valid_until();
  for (Event& event : events) {
    const EventKind kind = event.kind;
    // A manifest that has run out allows nothing but to say that something is missing.
    const bool may_pass =
        is_in_force || kind == EventKind::loss || kind == EventKind::sensor_start || kind == EventKind::sensor_stop;
    if (filter_.filter(event) && may_pass) {
      passed.push_back(std::move(event));
    } else {
      ++withheld_[kind];
      ++out.withheld;
      ++totals_.withheld;
    }
  }
  if (passed.empty() && losses_.empty()) return out;
  const std::uint64_t withheld = out.withheld;
  out = TRY(commit(std::move(passed), LeafKind::events));
  out.withheld = withheld;
  return out;
}

Result<Recorded> Ledger::heartbeat() {
  if (!losses_.empty()) TRY_VOID(commit({}, LeafKind::events));
  return commit({}, LeafKind::heartbeat);
}

Result<std::vector<Ledger::Piece>> Ledger::cut(std::vector<Event> events) const {
  std::vector<Piece> out;
  std::size_t at = 0;
  std::size_t most = limits_.events_per_frame;
  std::string one;
  while (at < events.size()) {
    Piece piece;
    std::string content;  // an EventList
    protozero::pbf_writer list(content);
    const std::size_t begin = at;
    for (; at < events.size() && at - begin < most; ++at) {
      one.clear();
      model::encode(events[at], one);
      if (at > begin && content.size() + one.size() > limits_.content_bytes) break;
      list.add_message(kEventsOfList, one);
    }
    piece.frame = compress_frame(content);
    if (piece.frame.size() > limits_.frame_bytes) {
      if (at - begin == 1)
        return fail(Errc::too_large, fmt::format("an event of {} bytes does not fit a frame", content.size()));
      // Hardly compressible: the same events again in smaller pieces.
      most = std::max<std::size_t>(1, (at - begin) / 2);
      at = begin;
      continue;
    }
    std::ranges::move(std::span(events).subspan(begin, at - begin), std::back_inserter(piece.events));
    out.push_back(std::move(piece));
  }
  return out;
}

// After a failure on the disk the log is opened anew. What the failed group left on the disk is cut by the log, or, if
// it was complete after all, is found and believed.
Status Ledger::reopen_if_broken() {
  if (!broken_since_) return {};
  const Time now = clock_.now();
  if (now.nanoseconds - last_try_.nanoseconds < kRetryNanoseconds && now >= last_try_)
    return fail(Errc::unavailable, totals_.trouble);
  last_try_ = now;
  const std::uint64_t committed = committed_;
  TRY_VOID(open_log());
  TRY_VOID(adopt_survivors(committed));
  committed_ = log_->size();
  broken_since_.reset();
  totals_.trouble.clear();
  return {};
}

Status Ledger::adopt_survivors(std::uint64_t committed) {
  std::string buffer;
  const auto take_back = [&](std::string_view of, std::uint64_t count) {
    const auto loss = losses_.find(of);
    if (loss == losses_.end()) return;
    loss->second.count -= std::min(loss->second.count, count);
    if (loss->second.count == 0) losses_.erase(loss);
  };
  for (std::uint64_t index = committed; index < log_->size(); ++index) {
    const base::Bytes bytes = TRY(log_->leaf(index));
    const LedgerLeaf leaf = TRY(decode_leaf(bytes));
    if (leaf.epoch != epoch_) continue;
    const base::Bytes payload = TRY(log_->payload(index));
    const SpoolRecord record = TRY(decode_record(payload));
    const std::vector<Event> events = TRY(open_record(leaf, record));
    sequence_ = std::max(sequence_, leaf.last_sequence);
    for (const auto& [kind, count] : leaf.withheld) {
      const auto found = withheld_.find(kind);
      if (found == withheld_.end()) continue;
      found->second -= std::min(found->second, count);
      if (found->second == 0) withheld_.erase(found);
    }
    for (const Event& event : events) {
      ++totals_.recorded;
      if (event.kind == EventKind::loss) {
        take_back(event.bytes(model::Field::loss_of), event.number(model::Field::loss_count).value_or(0));
        continue;
      }
      take_back(name_of_spool_loss(event.kind, buffer), 1);
      totals_.lost -= std::min<std::uint64_t>(totals_.lost, 1);
    }
  }
  return {};
}

Result<Recorded> Ledger::commit(std::vector<Event> events, LeafKind kind) {
  const auto give_up = [&](base::Error error, const std::vector<Event>& lost) {
    count_as_lost(lost);
    totals_.trouble = error.what;
    return fail(std::move(error));
  };
  if (const Status open = reopen_if_broken(); !open) return give_up(open.error(), events);

  // Losses first, so that a gap is announced before what came after it.
  std::vector<Event> losses = kind == LeafKind::events ? loss_events() : std::vector<Event>{};
  for (Event& loss : losses) filter_.filter(loss);
  const std::size_t loss_count = losses.size();
  events.insert(events.begin(), std::make_move_iterator(losses.begin()), std::make_move_iterator(losses.end()));

  std::uint64_t sequence = sequence_;
  for (Event& event : events) {
    event.id = model::EventId{.sensor = identity_.sensor, .epoch = epoch_, .sequence = ++sequence};
  }
  // Kept for counting if the disk fails; only kind and time are needed.
  std::vector<Event> stubs;
  for (std::size_t i = loss_count; i < events.size(); ++i)
    stubs.push_back(Event{.kind = events[i].kind, .source_time = events[i].source_time});
  auto pieces = cut(std::move(events));
  if (!pieces) return give_up(pieces.error(), stubs);
  if (kind == LeafKind::heartbeat) pieces->push_back(Piece{});

  Recorded out{.first_leaf = committed_};
  auto previous = previous_;
  const auto append_all = [&]() -> Status {
    bool first = true;
    for (const Piece& piece : *pieces) {
      LedgerLeaf leaf{.kind = kind, .sensor = identity_.sensor, .epoch = epoch_};
      for (const Event& event : piece.events) {
        if (leaf.first_sequence == 0) {
          leaf.first_sequence = event.id.sequence;
          leaf.first_time = leaf.last_time = event.source_time;
        }
        leaf.last_sequence = event.id.sequence;
        leaf.first_time = std::min(leaf.first_time, event.source_time);
        leaf.last_time = std::max(leaf.last_time, event.source_time);
        ++leaf.counts[event.kind];
        if (event.kind == EventKind::loss) leaf.lost += event.number(model::Field::loss_count).value_or(0);
      }
      SpoolRecord record;
      if (!piece.frame.empty()) {
        record = {.salt = random_.bytes(kSalt), .frame = piece.frame};
        leaf.frame_length = record.frame.size();
        leaf.frame_digest = base::sha256({record.salt, record.frame});
      }
      leaf.manifest = filter_.manifest().digest();
      leaf.previous = previous;
      leaf.made = clock_.now();
      if (std::exchange(first, false)) leaf.withheld = withheld_;
      const base::Bytes bytes = encode(leaf);
      TRY_VOID(log_->append(bytes, encode(record)));
      previous = proof::leaf_hash(bytes);
      ++out.leaves;
      out.events += piece.events.size();
    }
    TRY_VOID(log_->commit());
    return {};
  };
  if (const Status done = append_all(); !done) {
    broken_since_ = clock_.now();
    last_try_ = *broken_since_;
    return give_up(done.error(), stubs);
  }
  sequence_ = sequence;
  previous_ = previous;
  committed_ += out.leaves;
  withheld_.clear();
  totals_.recorded += out.events;
  if (kind == LeafKind::events) {
    losses_.clear();
    // Only now is what went with its segments told. A crash before the next line tells it twice, never not at all.
    if (state_.accounted != accounted_) {
      state_.accounted = accounted_;
      if (const Status written = write_state(); !written) totals_.trouble = written.error().what;
    }
  }
  if (const Status bounded = bound_spool(); !bounded) totals_.trouble = bounded.error().what;
  return out;
}

// Counts what was in leaves [accounted, first_payload) and not acknowledged: it left with its segments.
Status Ledger::account_dropped(std::uint64_t first_payload) {
  std::string buffer;
  for (std::uint64_t index = std::max(accounted_, state_.acknowledged); index < first_payload; ++index) {
    const base::Bytes bytes = TRY(log_->leaf(index));
    const LedgerLeaf leaf = TRY(decode_leaf(bytes));
    for (const auto& [kind, count] : leaf.counts) {
      // A loss that was itself lost is reported again with its own count.
      const std::uint64_t events = kind == EventKind::loss ? leaf.lost : count;
      if (events == 0) continue;
      report_loss(name_of_spool_loss(kind, buffer), events, leaf.first_time, leaf.last_time);
      if (kind != EventKind::loss) totals_.lost += events;
    }
  }
  accounted_ = std::max(accounted_, first_payload);
  first_payload_ = first_payload;
  return {};
}

Status Ledger::bound_spool() {
  const std::uint64_t cap = spool_cap();
  std::uint64_t upto = first_payload_;
  while (log_->payload_bytes() > cap && upto < committed_) {
    ++upto;
    const std::uint64_t first = TRY(log_->drop_payloads_before(upto));
    if (first > first_payload_) TRY_VOID(account_dropped(first));
  }
  return {};
}

Status Ledger::acknowledge(std::uint64_t leaf_index, const base::Digest& hash) {
  if (log_ == nullptr) return fail(Errc::unavailable, totals_.trouble);
  if (leaf_index >= committed_)
    return fail(Errc::conflict, fmt::format("leaf {} is acknowledged, but this ledger has {}", leaf_index, committed_));
  const base::Bytes leaf = TRY(log_->leaf(leaf_index));
  if (proof::leaf_hash(leaf) != hash)
    return fail(Errc::conflict, fmt::format("leaf {} is acknowledged with another hash than ours", leaf_index));
  state_.acknowledged = std::max(state_.acknowledged, leaf_index + 1);
  return {};
}

Status Ledger::change_manifest(std::shared_ptr<const Manifest> manifest) {
  TRY_VOID(check_successor(*manifest, filter_.manifest()));
  TRY_VOID(check_validity(*manifest, identity_.organisation, clock_.now()));
  State next = state_;
  next.manifest_version = manifest->version();
  std::swap(state_, next);
  if (Status written = write_state(); !written) {
    std::swap(state_, next);
    return written;
  }
  filter_.change(std::move(manifest));
  return {};
}

Status Ledger::flush() {
  if (log_ != nullptr && !broken_since_) TRY_VOID(log_->flush());
  return write_state();
}

LedgerStatus Ledger::status() const {
  LedgerStatus out = totals_;
  out.epoch = epoch_;
  out.last_sequence = sequence_;
  out.leaves = committed_;
  out.acknowledged = state_.acknowledged;
  out.first_payload = first_payload_;
  out.payload_bytes = log_ != nullptr ? log_->payload_bytes() : 0;
  out.spool_cap = spool_cap();
  return out;
}

namespace {

// A secret file of ours: missing, or its content; forbidden if anybody but its owner may read it.
Result<std::optional<base::Bytes>> read_secret(const base::fs::path& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) {
    if (errno == ENOENT) return std::optional<base::Bytes>();
    return fail(base::error_from_errno(errno, "reading " + file.string()));
  }
  if ((info.st_mode & 077) != 0)
    return fail(Errc::forbidden, fmt::format("{} may be read by others than its owner: chmod 600 it", file.string()));
  return std::optional<base::Bytes>(TRY(base::read_file(file, 4096)));
}

}  // namespace

Result<proof::SigningKey> open_ledger_key(const base::fs::path& file, std::string_view name, base::Random& random) {
  if (auto text = TRY(read_secret(file))) {
    while (text->ends_with('\n')) text->pop_back();
    auto key = proof::SigningKey::parse(*text);
    if (!key) return fail(key.error().within(file.string()));
    return key;
  }
  proof::SigningKey key = proof::SigningKey::generate(std::string(name), random);
  if (file.has_parent_path()) TRY_VOID(base::make_folder(file.parent_path(), 0700));
  TRY_VOID(base::write_file(file, key.text() + "\n", base::Durability::synced, 0600));
  return key;
}

Result<base::Bytes> open_hash_key(const base::fs::path& file, base::Random& random) {
  if (auto text = TRY(read_secret(file))) {
    while (text->ends_with('\n')) text->pop_back();
    auto key = base::from_hex(*text);
    if (!key || key->size() != 32) return fail(Errc::corrupt, file.string() + " must hold 64 hex digits");
    return *key;
  }
  base::Bytes key = random.bytes(32);
  if (file.has_parent_path()) TRY_VOID(base::make_folder(file.parent_path(), 0700));
  TRY_VOID(base::write_file(file, base::to_hex(key) + "\n", base::Durability::synced, 0600));
  return key;
}

}  // namespace hinomi::consent
