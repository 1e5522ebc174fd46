// One organisation's walk along its evidence log: read, derive, write the rows together with the place. Starts where the tables end.
// Owns:    its thread and the derivation. Borrows log, store, access, plans, and who wants to hear of published indicators.
// Threads: start and stop from one thread; the rest from any.
// Fails:   never while it runs: what cannot be read or written is said once, shown in progress(), and tried again.
#pragma once

#include <derivation.hpp>

#include <atomic>
#include <thread>

namespace hinomi::centre {

struct LineOptions {
  std::size_t rows = 100'000;                   // events in one transaction at most, and
  std::chrono::milliseconds time{500};          // rows wait no longer than this to be written
  std::function<void(const std::string&)> say;  // to the program's log
  // Called on the line's thread with indicators that are published, once their rows are committed; a failure is tried again.
  std::function<base::Status(const model::Indicator&)> published;
};

class Line {
 public:
  Line(evidence::EvidenceLog& log, store::Store& store, const access::Access& access, Plans& plans,
       LineOptions options);
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  // Takes up where the tables end, and begins to walk. `rulings`: the log's acts of rules by index.
  base::Status start(const std::map<std::uint64_t, Ruling>& rulings);
  void stop();  // writes what it has, and ends

  struct Progress {
    std::uint64_t next = 0;  // first entry that is not in the tables
    std::string trouble;     // empty while all is well
    std::uint64_t bad_batches = 0;
  };
  [[nodiscard]] Progress progress() const;
  // True once the tables hold what entry `index` led to.
  bool wait_for(std::uint64_t index, std::chrono::milliseconds time);
  [[nodiscard]] evidence::EvidenceLog& log() { return log_; }

 private:
  void run();
  bool take_next(store::Rows& rows, std::uint64_t& next);
  void write(const store::Rows& rows, std::uint64_t from, std::uint64_t next);
  void trouble(std::string what);
  [[nodiscard]] bool stopping() const;
  void pause();  // before trying again

  evidence::EvidenceLog& log_;
  store::Store& store_;
  const LineOptions options_;
  Derivation derivation_;
  std::thread thread_;

  mutable base::Mutex mutex_;
  base::Condition moved_;
  Progress progress_ HINOMI_GUARDED_BY(mutex_);
  bool stop_ HINOMI_GUARDED_BY(mutex_) = false;
};

}  // namespace hinomi::centre
