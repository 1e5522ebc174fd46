// From the link to evidence: what was accepted is appended, with its receipt, before anybody is answered.
// Owns: nothing. Threads: any. Fails: what evidence says; then nothing of it is in the log.
#pragma once

#include <hinomi/evidence/evidence.hpp>
#include <hinomi/link/door.hpp>

namespace hinomi::centre {

class Sink final : public link::BatchSink, public link::ActSink {
 public:
  explicit Sink(evidence::Evidence& evidence) : evidence_(evidence) {}
  base::Result<link::ReceiptAnswer> append(const link::Accepted& accepted, base::ByteView bytes,
                                           const link::Sender& sender) override;
  base::Result<link::ReceiptAnswer> receipt(const model::OrganisationId& organisation, std::uint64_t entry) override;
  base::Result<std::vector<proof::Hash>> consistency(const model::OrganisationId& organisation, std::uint64_t old_size,
                                                     std::uint64_t size) override;
  base::Result<Identity> identity(const model::OrganisationId& organisation) override;
  base::Result<base::Time> append(const model::OrganisationId& organisation,
                                  const std::optional<model::SystemId>& system,
                                  const std::optional<model::SensorId>& sensor, const access::Act& act) override;

 private:
  evidence::Evidence& evidence_;
};

}  // namespace hinomi::centre
