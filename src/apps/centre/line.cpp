#include <line.hpp>

#include <fmt/core.h>

namespace hinomi::centre {

using std::chrono::steady_clock;

Line::Line(evidence::EvidenceLog& log, store::Store& store, const access::Access& access, Plans& plans,
           LineOptions options)
    : log_(log),
      store_(store),
      options_(std::move(options)),
      derivation_(log.organisation(), log.origin(), access, plans) {}

Line::~Line() { stop(); }

base::Status Line::start(const std::map<std::uint64_t, Ruling>& rulings) {
  store::CorridorPoint point{.log = log_.origin(), .next = 0, .detector = {}, .judge = {}};
  if (auto known = TRY(store_.corridor(log_.origin()))) point = std::move(*known);
  if (point.next > log_.size())
    return base::fail(base::Errc::corrupt,
                      fmt::format("{}: the tables hold what came from entry {}, the log ends at {}: was the log "
                                  "put back to an older state?",
                                  log_.origin(), point.next, log_.size()));
  std::vector<model::Indicator> indicators;
  store::IndicatorQuery query{.limit = store::kMaxLimit};
  const auto scope = store::Scope::of({log_.organisation()});
  do {
    auto page = TRY(store_.indicators(scope, query));
    for (const model::Indicator& indicator : page.items)
      if (indicator.state == model::IndicatorState::published && options_.published)
        TRY_VOID(options_.published(indicator));
    indicators.insert(indicators.end(), std::make_move_iterator(page.items.begin()),
                      std::make_move_iterator(page.items.end()));
    query.cursor = page.next;
  } while (!query.cursor.empty());
  std::optional<Ruling> ruling;
  if (const auto after = rulings.lower_bound(point.next); after != rulings.begin()) ruling = std::prev(after)->second;
  TRY_VOID(derivation_.restore(point, ruling, std::move(indicators)));
  {
    const base::Lock lock(mutex_);
    progress_.next = point.next;
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

void Line::stop() {
  {
    const base::Lock lock(mutex_);
    stop_ = true;
    moved_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool Line::stopping() const {
  const base::Lock lock(mutex_);
  return stop_;
}

void Line::run() {
  std::uint64_t next = progress().next;
  while (!stopping()) {
    if (!log_.wait_beyond(next, std::chrono::milliseconds(100))) {
      if (log_.size() <= next) continue;
    }
    store::Rows rows;
    const std::uint64_t from = next;
    const auto until = steady_clock::now() + options_.time;
    while (rows.events.size() < options_.rows && steady_clock::now() < until && !stopping()) {
      if (log_.size() > next) {
        if (!take_next(rows, next)) break;
      } else {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady_clock::now());
        log_.wait_beyond(next, std::min(left, std::chrono::milliseconds(100)));
      }
    }
    if (next > from) write(rows, from, next);
    else pause();
  }
}

// Reads and derives one entry. False if it cannot be read: what is there so far is written, then it is tried again.
bool Line::take_next(store::Rows& rows, std::uint64_t& next) {
  auto entry = log_.read(next);
  base::Status status;
  if (entry) status = derivation_.observe(*entry, rows);
  else status = base::fail(entry.error());
  if (!status) {
    trouble(status.error().what);
    return false;
  }
  ++next;
  return true;
}

void Line::write(const store::Rows& rows, std::uint64_t from, std::uint64_t next) {
  const store::CorridorPoint point = derivation_.point(next);
  while (true) {
    const auto status = store_.write(rows, from, point);
    if (status) break;
    // A write that failed late may yet have been made: then the tables stand where we want them.
    const auto stands = store_.corridor(point.log);
    if (stands && *stands && (*stands)->next == next) break;
    trouble(status.error().what);
    if (stopping()) return;
    pause();
  }
  for (const model::Indicator& indicator : rows.indicators) {
    while (indicator.state == model::IndicatorState::published && options_.published) {
      const auto status = options_.published(indicator);
      if (status) break;
      trouble(status.error().what);
      if (stopping()) return;  // start() shows all published indicators again
      pause();
    }
  }
  const base::Lock lock(mutex_);
  progress_.next = next;
  progress_.trouble.clear();
  progress_.bad_batches = derivation_.counters().bad_batches;
  moved_.notify_all();
}

void Line::trouble(std::string what) {
  const base::Lock lock(mutex_);
  if (progress_.trouble == what) return;
  if (options_.say) options_.say(what);
  progress_.trouble = std::move(what);
}

void Line::pause() {
  const base::Lock lock(mutex_);
  if (!stop_) moved_.wait_for(mutex_, std::chrono::seconds(1));
}

Line::Progress Line::progress() const {
  const base::Lock lock(mutex_);
  return progress_;
}

bool Line::wait_for(std::uint64_t index, std::chrono::milliseconds time) {
  const auto until = steady_clock::now() + time;
  const base::Lock lock(mutex_);
  while (progress_.next <= index) {
    const auto now = steady_clock::now();
    if (stop_ || now >= until) return false;
    moved_.wait_for(mutex_, until - now);
  }
  return true;
}

}  // namespace hinomi::centre
