#include <sink.hpp>

namespace hinomi::centre {

using evidence::Draft;
using evidence::EntryKind;

base::Result<link::ReceiptAnswer> Sink::append(const link::Accepted& accepted, base::ByteView bytes,
                                               const link::Sender& sender) {
  evidence::EvidenceLog* log = TRY(evidence_.log(sender.organisation));
  Draft batch{
      .kind = EntryKind::batch, .system = sender.system, .sensor = sender.sensor, .payload = base::Bytes(bytes)};
  auto appended = TRY(log->append(std::move(batch), [&](const evidence::Placed& first) {
    return Draft{.kind = EntryKind::receipt,
                 .system = sender.system,
                 .sensor = sender.sensor,
                 .payload = link::encode(link::make_receipt(accepted, first.index, first.leaf_hash, first.received))};
  }));
  link::ReceiptAnswer answer;
  answer.leaf = std::move(appended.leaf);
  answer.entry = appended.second->index;
  answer.checkpoint = std::move(appended.checkpoint.note);
  answer.inclusion = std::move(appended.path);
  return answer;
}

base::Result<link::ReceiptAnswer> Sink::receipt(const model::OrganisationId& organisation, std::uint64_t entry) {
  const evidence::EvidenceLog* log = TRY(evidence_.log(organisation));
  evidence::Proof proof = TRY(log->prove(entry));
  link::ReceiptAnswer answer;
  answer.leaf = std::move(proof.leaf);
  answer.entry = entry;
  answer.checkpoint = std::move(proof.checkpoint.note);
  answer.inclusion = std::move(proof.path);
  return answer;
}

base::Result<std::vector<proof::Hash>> Sink::consistency(const model::OrganisationId& organisation,
                                                         std::uint64_t old_size, std::uint64_t size) {
  const evidence::EvidenceLog* log = TRY(evidence_.log(organisation));
  return log->consistency(old_size, size);
}

base::Result<link::BatchSink::Identity> Sink::identity(const model::OrganisationId& organisation) {
  const evidence::EvidenceLog* log = TRY(evidence_.log(organisation));
  return Identity{log->origin(), evidence_.verifier().text()};
}

base::Result<base::Time> Sink::append(const model::OrganisationId& organisation,
                                      const std::optional<model::SystemId>& system,
                                      const std::optional<model::SensorId>& sensor, const access::Act& act) {
  evidence::EvidenceLog* log = TRY(evidence_.log(organisation));
  const auto appended = TRY(log->append({.kind = EntryKind::act,
                                         .system = system.value_or(model::SystemId()),
                                         .sensor = sensor,
                                         .payload = access::encode(act)}));
  return appended.first.received;
}

}  // namespace hinomi::centre
