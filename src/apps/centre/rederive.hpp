// Derives everything again from the logs into fresh tables, and compares with the tables in use at one fixed place, while the centre
// goes on. One job at a time; the last few are remembered.
// Owns:    the working thread and the temporary tables. Borrows evidence, store, access, plans.
// Threads: any. Fails: Errc::conflict while another job runs; a job's own failure is its state.
#pragma once

#include <derivation.hpp>

#include <hinomi/console/services.hpp>
#include <hinomi/evidence/evidence.hpp>

#include <atomic>
#include <thread>

namespace hinomi::centre {

struct Comparison {
  std::uint64_t entries = 0;
  std::uint64_t events = 0, findings = 0, indicators = 0;  // the same on both sides
  std::string first_difference;                            // empty: MATCH
};

// One log: `progress` hears of 0 to 1; it may end the work by answering false.
base::Result<Comparison> rederive_log(const evidence::EvidenceLog& log, const store::Store& store,
                                      const access::Access& access, Plans& plans, const base::fs::path& scratch,
                                      const std::function<bool(double)>& progress);

class Rederive {
 public:
  Rederive(const evidence::Evidence& evidence, const store::Store& store, const access::Access& access, Plans& plans,
           base::fs::path scratch, base::Random& random)
      : evidence_(evidence),
        store_(store),
        access_(access),
        plans_(plans),
        scratch_(std::move(scratch)),
        random_(random) {}
  ~Rederive();
  Rederive(const Rederive&) = delete;
  Rederive& operator=(const Rederive&) = delete;

  base::Result<std::string> start(std::function<bool(const model::OrganisationId&)> whose);
  [[nodiscard]] base::Result<console::RederiveState> state(std::string_view job) const;

 private:
  void run(const std::string& job, const std::vector<evidence::EvidenceLog*>& logs);
  void update(const std::string& job, const std::function<void(console::RederiveState&)>& change);

  const evidence::Evidence& evidence_;
  const store::Store& store_;
  const access::Access& access_;
  Plans& plans_;
  const base::fs::path scratch_;
  base::Random& random_;
  std::atomic<bool> stop_{false};
  mutable base::Mutex mutex_;
  std::map<std::string, console::RederiveState, std::less<>> jobs_ HINOMI_GUARDED_BY(mutex_);
  std::string running_ HINOMI_GUARDED_BY(mutex_);
  std::thread thread_ HINOMI_GUARDED_BY(mutex_);
};

}  // namespace hinomi::centre
