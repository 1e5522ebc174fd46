#include <acts.hpp>

#include <fmt/core.h>

namespace hinomi::centre {

using evidence::EntryKind;

base::Status Acts::replay(const Visit& visit) {
  for (const evidence::EvidenceLog* log : evidence_.logs()) {
    const std::uint64_t size = log->size();
    for (std::uint64_t index = 0; index < size; ++index) {
      if (TRY(log->leaf(index)).kind == EntryKind::batch) continue;
      const evidence::Entry entry = TRY(log->read(index));
      if (entry.leaf.kind == EntryKind::act) {
        const auto act = access::decode_act(entry.payload);
        if (!act) return base::fail(act.error().within(fmt::format("{}, entry {}", log->origin(), index)));
        // What was refused when it happened is refused again, and had no effect then either.
        (void)access_.apply(*act, entry.leaf.received);
      }
      TRY_VOID(visit(*log, entry));
    }
  }
  return {};
}

base::Result<evidence::Appended> Acts::perform(const model::OrganisationId& organisation, const access::Act& act,
                                               const std::optional<model::SensorId>& sensor,
                                               const model::SystemId& system) {
  const base::Lock lock(access_.changing());
  TRY_VOID(access_.check(act, clock_.now()));
  evidence::EvidenceLog* log = TRY(evidence_.log(organisation));
  evidence::Appended appended =
      TRY(log->append({.kind = EntryKind::act, .system = system, .sensor = sensor, .payload = access::encode(act)}));
  TRY_VOID(access_.apply(act, appended.first.received));
  return appended;
}

}  // namespace hinomi::centre
