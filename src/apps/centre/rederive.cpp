#include <rederive.hpp>

#include <fmt/core.h>

namespace hinomi::centre {
namespace {

constexpr std::size_t kRows = 50'000;  // in one transaction of the fresh tables
constexpr std::size_t kJobsKept = 16;

using Streams = base::Result<std::unique_ptr<store::Snapshot::Stream>>;

// Counts what is the same; fills in the first difference.
base::Status compare(std::string_view what, const std::string& log, Streams kept, Streams fresh, std::uint64_t& same,
                     std::string& difference) {
  if (!kept) return base::fail(kept.error());
  if (!fresh) return base::fail(fresh.error());
  while (difference.empty()) {
    const auto one = TRY((*kept)->next());
    const auto other = TRY((*fresh)->next());
    if (!one && !other) break;
    if (one == other) ++same;
    else
      difference = fmt::format("{}, {} {}: in the tables {}, derived again {}", log, what, same + 1,
                               one ? *one : "nothing", other ? *other : "nothing");
  }
  return {};
}

}  // namespace

base::Result<Comparison> rederive_log(const evidence::EvidenceLog& log, const store::Store& store,
                                      const access::Access& access, Plans& plans, const base::fs::path& scratch,
                                      const std::function<bool(double)>& progress) {
  const auto kept = TRY(store.snapshot(log.organisation(), log.origin()));
  const std::uint64_t end = kept->next_entry();
  const auto fresh = TRY(store::Store::open(scratch, {.memory_mebibytes = 256, .threads = 1}));
  Derivation derivation(log.organisation(), log.origin(), access, plans);
  store::Rows rows;
  std::uint64_t written = 0;
  const auto write = [&](std::uint64_t next) -> base::Status {
    TRY_VOID(fresh->write(rows, written, derivation.point(next)));
    rows = {};
    written = next;
    return {};
  };
  for (std::uint64_t index = 0; index < end; ++index) {
    const evidence::Entry entry = TRY(log.read(index));
    TRY_VOID(derivation.observe(entry, rows));
    if (rows.events.size() < kRows && index % 1024 != 0) continue;
    if (!progress(0.9 * static_cast<double>(index) / static_cast<double>(end)))
      return base::fail(base::Errc::cancelled, "stopped");
    if (rows.events.size() >= kRows) TRY_VOID(write(index + 1));
  }
  if (end > written) TRY_VOID(write(end));
  if (!derivation.is_own_engine())
    return base::fail(base::Errc::unsupported,
                      fmt::format("{}: some entries were derived by another engine than {}; only that one can "
                                  "derive them again",
                                  log.origin(), detect::kEngineVersion));
  const auto again = TRY(fresh->snapshot(log.organisation(), log.origin()));
  Comparison out{.entries = end, .first_difference = {}};
  TRY_VOID(compare("event", log.origin(), kept->events(), again->events(), out.events, out.first_difference));
  TRY_VOID(compare("finding", log.origin(), kept->findings(), again->findings(), out.findings, out.first_difference));
  TRY_VOID(compare("indicator", log.origin(), kept->indicators(), again->indicators(), out.indicators,
                   out.first_difference));
  return out;
}

Rederive::~Rederive() {
  stop_ = true;
  std::thread last;
  {
    const base::Lock lock(mutex_);
    last = std::move(thread_);
  }
  if (last.joinable()) last.join();
}

base::Result<std::string> Rederive::start(std::function<bool(const model::OrganisationId&)> whose) {
  std::vector<evidence::EvidenceLog*> logs;
  for (evidence::EvidenceLog* log : evidence_.logs())
    if (log != &evidence_.centre() && whose(log->organisation())) logs.push_back(log);
  const base::Lock lock(mutex_);
  if (!running_.empty()) return base::fail(base::Errc::conflict, fmt::format("job {} is still running", running_));
  if (thread_.joinable()) thread_.join();
  std::string job = base::to_hex(random_.bytes(8));
  while (jobs_.size() >= kJobsKept) jobs_.erase(jobs_.begin());
  jobs_[job] = {.state = "running", .progress = 0, .verdict = {}, .first_difference = {}};
  running_ = job;
  thread_ = std::thread([this, job, logs] { run(job, logs); });
  return job;
}

base::Result<console::RederiveState> Rederive::state(std::string_view job) const {
  const base::Lock lock(mutex_);
  const auto there = jobs_.find(job);
  if (there == jobs_.end()) return base::fail(base::Errc::not_found, "there is no such job");
  return there->second;
}

void Rederive::update(const std::string& job, const std::function<void(console::RederiveState&)>& change) {
  const base::Lock lock(mutex_);
  change(jobs_[job]);
}

void Rederive::run(const std::string& job, const std::vector<evidence::EvidenceLog*>& logs) {
  std::string failure;
  std::string difference;
  std::error_code ignored;
  for (std::size_t i = 0; i < logs.size() && failure.empty() && difference.empty(); ++i) {
    const base::fs::path folder = scratch_ / job;
    const auto done = rederive_log(*logs[i], store_, access_, plans_, folder, [&](double part) {
      update(job,
             [&](auto& state) { state.progress = (static_cast<double>(i) + part) / static_cast<double>(logs.size()); });
      return !stop_;
    });
    base::fs::remove_all(folder, ignored);
    if (!done) {
      failure = done.error().what;
      continue;
    }
    difference = done->first_difference;
    update(job, [&](auto& state) {
      state.events += done->events;
      state.findings += done->findings;
      state.indicators += done->indicators;
    });
  }
  const base::Lock lock(mutex_);
  console::RederiveState& state = jobs_[job];
  state.state = failure.empty() ? "done" : "failed";
  state.progress = 1;
  if (failure.empty()) state.verdict = difference.empty() ? "MATCH" : "DIFFERENT";
  state.first_difference = failure.empty() ? difference : failure;
  running_.clear();
}

}  // namespace hinomi::centre
