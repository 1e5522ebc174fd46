// One organisation's evidence log: appends by groups, reads, waits, proves.
// The idea: whoever appends waits in line; one thread takes all who wait, gives each the next received time, syncs once, signs once
// and wakes them. An answer therefore always follows the sync, and a hundred senders cost one.
// Owns:    the tile log and the committing thread; borrows the clock.
// Threads: any thread may call anything.
// Fails:   append: Errc::too_large (only that draft), Errc::full, Errc::io, Errc::unavailable (closed, or refused after a failed
//          sync): then nothing of it is in the log. Loses: nothing that append() returned for.
#pragma once

#include <hinomi/base/mutex.hpp>
#include <hinomi/evidence/entry.hpp>
#include <hinomi/tlog/tlog.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace hinomi::evidence {

// Where a draft came to stand.
struct Placed {
  std::uint64_t index = 0;
  base::Time received;
  proof::Hash leaf_hash;
};

// An entry with what proves it.
struct Proof {
  base::Bytes leaf;
  proof::Hash leaf_hash;
  std::vector<proof::Hash> path;  // in the tree of `checkpoint`
  tlog::Signed checkpoint;
};

struct Appended {
  Placed first;
  std::optional<Placed> second;   // of the follow-up
  base::Bytes leaf;               // of the second if there is one, else of the first
  std::vector<proof::Hash> path;  // that leaf's, in the tree of `checkpoint`
  tlog::Signed checkpoint;        // covers both
};

struct LogOptions {
  std::chrono::microseconds gather{2000};  // how long a group waits for more, once it has one
  std::size_t group_bytes = 32U << 20;     // a group of this size goes at once
  tlog::Options tiles;                     // origin is set by the log; tests put their sync here
};

class EvidenceLog {
 public:
  // Made on the committing thread from where the first draft stands: the receipt of a batch. Both are in the log, or none.
  using FollowUp = std::function<Draft(const Placed& first)>;

  static base::Result<std::unique_ptr<EvidenceLog>> open(const base::fs::path& folder, std::string origin,
                                                         model::OrganisationId organisation,
                                                         const proof::SigningKey& key, const base::Clock& clock,
                                                         LogOptions options = {});
  ~EvidenceLog();  // what waits is committed first
  EvidenceLog(const EvidenceLog&) = delete;
  EvidenceLog& operator=(const EvidenceLog&) = delete;

  // Returns after the sync.
  base::Result<Appended> append(Draft draft, FollowUp follow_up = {});

  // not_found at or beyond size(), or if retention removed the payload; corrupt if it is not what the leaf commits to.
  [[nodiscard]] base::Result<Entry> read(std::uint64_t index) const;
  [[nodiscard]] base::Result<Leaf> leaf(std::uint64_t index) const;
  [[nodiscard]] base::Result<Proof> prove(std::uint64_t index) const;
  [[nodiscard]] std::uint64_t size() const { return log_->size(); }
  // RFC 6962 2.1.2, between sizes that the log has had.
  [[nodiscard]] base::Result<std::vector<proof::Hash>> consistency(std::uint64_t old_size, std::uint64_t size) const {
    return log_->consistency(old_size, size);
  }
  [[nodiscard]] tlog::Signed checkpoint() const { return log_->signed_checkpoint(); }
  [[nodiscard]] const std::string& origin() const { return origin_; }
  [[nodiscard]] const model::OrganisationId& organisation() const { return organisation_; }
  // True as soon as the log holds more than `size` entries; false after the time, or when it is closed.
  bool wait_beyond(std::uint64_t size, std::chrono::milliseconds time);
  // Refuses further drafts and wakes who waits; reading goes on.
  void close();

  struct Counters {
    std::uint64_t entries = 0;
    std::uint64_t groups = 0;
    std::uint64_t failed_groups = 0;
  };
  [[nodiscard]] Counters counters() const;

 private:
  struct Waiting;
  EvidenceLog(std::unique_ptr<tlog::TileLog> log, std::string origin, model::OrganisationId organisation,
              const base::Clock& clock, LogOptions options, base::Time last_received);
  void run();
  void commit(std::vector<std::shared_ptr<Waiting>>& group);
  base::Result<Placed> place(const Draft& draft, base::Time& received, base::Bytes& leaf);

  const std::unique_ptr<tlog::TileLog> log_;
  const std::string origin_;
  const model::OrganisationId organisation_;
  const base::Clock& clock_;
  const LogOptions options_;
  base::Time last_received_;  // the committing thread's

  mutable base::Mutex mutex_;
  base::Condition arrived_;    // something waits, or it is closed
  base::Condition committed_;  // a group is done
  std::deque<std::shared_ptr<Waiting>> waiting_ HINOMI_GUARDED_BY(mutex_);
  std::size_t waiting_bytes_ HINOMI_GUARDED_BY(mutex_) = 0;
  bool closed_ HINOMI_GUARDED_BY(mutex_) = false;
  Counters counters_ HINOMI_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace hinomi::evidence
