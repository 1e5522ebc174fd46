#include <hinomi/base/escape.hpp>
#include <hinomi/detect/detector.hpp>

#include <algorithm>

namespace hinomi::detect {
namespace {

// Eldest first, the process itself last.
std::vector<model::Ancestor> ancestry_of(const model::Event& event) {
  using model::Field;
  const auto& guids = event.list(Field::ancestor_guids);
  const auto& executables = event.list(Field::ancestor_executables);
  std::vector<model::Ancestor> out;
  for (std::size_t i = std::max(guids.size(), executables.size()); i-- > 0;)
    out.push_back({.guid = i < guids.size() ? guids[i] : std::string(),
                   .executable = i < executables.size() ? base::to_utf8_lossy(executables[i]) : std::string()});
  if (out.empty() && (event.has(Field::parent_guid) || event.has(Field::parent_executable)))
    out.push_back({.guid = std::string(event.bytes(Field::parent_guid)),
                   .executable = base::to_utf8_lossy(event.bytes(Field::parent_executable))});
  if (event.has(Field::process_guid) || event.has(Field::process_executable))
    out.push_back({.guid = std::string(event.bytes(Field::process_guid)),
                   .executable = base::to_utf8_lossy(event.bytes(Field::process_executable))});
  return out;
}

}  // namespace

std::vector<model::Finding> Detector::observe(const model::RecordedEvent& recorded) {
  std::vector<model::Finding> out;
  matcher_.match(recorded.event, matches_);
  for (Match& match : matches_) {
    model::Finding finding;
    finding.rule = match.rule->ref;
    finding.engine = kEngineVersion;
    finding.organisation = recorded.provenance.organisation;
    finding.system = recorded.provenance.system;
    finding.host = recorded.provenance.host;
    finding.host_name = recorded.provenance.host_name;
    finding.source_time = recorded.event.source_time;
    finding.received_time = recorded.provenance.received_time;
    finding.process_guid = recorded.event.bytes(model::Field::process_guid);
    finding.ancestry = ancestry_of(recorded.event);
    finding.matched = std::move(match.fields);
    finding.evidence = {{.entry = recorded.provenance.entry, .event = recorded.event.id}};
    finding.id = model::make_finding_id(finding.rule, finding.evidence);
    out.push_back(std::move(finding));
  }
  return out;
}

}  // namespace hinomi::detect
