// Acts: logged, then in effect. At start, everything that was ever done is applied again from the logs.
// Owns:    nothing; borrows evidence and access. Threads: any, after replay().
// Fails:   what access refuses; what evidence cannot record: then it has no effect.
#pragma once

#include <hinomi/access/access.hpp>
#include <hinomi/evidence/evidence.hpp>

#include <functional>

namespace hinomi::centre {

class Acts {
 public:
  Acts(evidence::Evidence& evidence, access::Access& access, const base::Clock& clock)
      : evidence_(evidence), access_(access), clock_(clock) {}

  // Applies the acts of all logs, the centre's own first, and shows every act and receipt to `visit` in the log's order.
  using Visit = std::function<base::Status(const evidence::EvidenceLog& log, const evidence::Entry& entry)>;
  base::Status replay(const Visit& visit);

  // Checks, logs and applies while nobody else changes anything.
  base::Result<evidence::Appended> perform(const model::OrganisationId& organisation, const access::Act& act,
                                           const std::optional<model::SensorId>& sensor = std::nullopt,
                                           const model::SystemId& system = {});
  base::Result<evidence::Appended> perform_for_centre(const access::Act& act) {
    return perform(evidence_.centre().organisation(), act);
  }

 private:
  evidence::Evidence& evidence_;
  access::Access& access_;
  const base::Clock& clock_;
};

}  // namespace hinomi::centre
