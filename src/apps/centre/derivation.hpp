// Derived = f(log, engine version): from the entries of one log, in their order, to rows. The same code runs live and when the
// tables are derived again; no clock, file, network or randomness is at hand here.
// Owns:    detector and judge. Borrows access (of a sensor only what its enrolment said, which never changes) and the plans.
// Threads: one.
// Fails:   only for entries that cannot be read as what they say they are: those of our own making (acts). A batch whose content
//          does not follow its format leads to no rows; it is counted.
#pragma once

#include <ruling.hpp>

#include <hinomi/access/access.hpp>
#include <hinomi/detect/detector.hpp>
#include <hinomi/evidence/log.hpp>
#include <hinomi/judge/judge.hpp>
#include <hinomi/store/store.hpp>

#include <functional>

namespace hinomi::centre {

class Derivation {
 public:
  struct Counters {
    std::uint64_t batches = 0;
    std::uint64_t bad_batches = 0;
    std::string last_bad;  // why
  };

  Derivation(model::OrganisationId organisation, std::string origin, const access::Access& access, Plans& plans)
      : organisation_(std::move(organisation)), origin_(std::move(origin)), access_(access), plans_(plans) {}

  // Takes up at `point`: `ruling` is the last act of rules before it.
  base::Status restore(const store::CorridorPoint& point, const std::optional<Ruling>& ruling,
                       std::vector<model::Indicator> indicators);
  // Adds to `rows` what the next entry leads to.
  base::Status observe(const evidence::Entry& entry, store::Rows& rows);

  // The corridor's place behind the last observed entry.
  [[nodiscard]] store::CorridorPoint point(std::uint64_t next) const;
  [[nodiscard]] const Counters& counters() const { return counters_; }
  // False once an act named an engine that this program is not: its answers cannot be derived again here.
  [[nodiscard]] bool is_own_engine() const { return own_engine_; }
  [[nodiscard]] const std::optional<Ruling>& ruling() const { return ruling_; }

 private:
  base::Status observe_act(const evidence::Entry& entry, store::Rows& rows);
  base::Result<std::vector<model::RecordedEvent>> open_batch(const evidence::Entry& entry) const;
  void take(Ruling ruling);

  const model::OrganisationId organisation_;
  const std::string origin_;
  const access::Access& access_;
  Plans& plans_;
  std::optional<Ruling> ruling_;
  std::unique_ptr<detect::Detector> detector_;  // none until the log names rules
  std::unique_ptr<judge::Judge> judge_;
  bool own_engine_ = true;
  Counters counters_;
};

// {"indicator": id}: what a publish act holds.
access::Act publish_act(std::string actor, const model::IndicatorId& indicator);

}  // namespace hinomi::centre
