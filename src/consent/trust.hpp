// What the probe takes as true without asking anybody: who this machine is, whose manifests it obeys, which centre's
// receipts count. One YAML file that only the machine's administrator may write; made by `hinomi-sensor enrol`.
// Owns:    nothing.
// Threads: values.
// Fails:   Errc::malformed with "line N: …".
#pragma once

#include <hinomi/model/ids.hpp>
#include <hinomi/proof/key.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::consent {

struct Trust {
  model::OrganisationId organisation;
  model::SystemId system;
  model::SensorId sensor;
  std::string centre;                             // its name, for example hinomi.local
  std::vector<proof::VerifierKey> manifest_keys;  // any one of them may sign a manifest
  proof::VerifierKey evidence_key;                // of the organisation's evidence log at the centre

  [[nodiscard]] std::string ledger_origin() const { return centre + "/ledger/" + sensor.text(); }
  [[nodiscard]] std::string evidence_origin() const { return centre + "/evidence/" + organisation.text(); }
};

base::Result<Trust> parse_trust(std::string_view yaml);
std::string to_yaml(const Trust& trust);

}  // namespace hinomi::consent
