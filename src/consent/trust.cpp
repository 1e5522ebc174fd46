#include <hinomi/base/yaml.hpp>
#include <hinomi/consent/trust.hpp>

#include <fmt/core.h>

namespace hinomi::consent {

using base::Errc;
using base::fail;
using base::Result;

Result<Trust> parse_trust(std::string_view yaml) {
  const base::Yaml root = TRY(base::Yaml::parse(yaml));
  const auto wrong = [](int line, std::string_view what) {
    return fail(Errc::malformed, fmt::format("line {}: {}", line, what));
  };
  if (!root.is_map()) return wrong(root.line(), "a map was expected");
  const auto unknown =
      root.unknown_keys({"organisation", "system", "sensor", "centre", "manifest_keys", "evidence_key"});
  if (!unknown.empty()) return wrong(unknown[0].second, fmt::format("there is no key '{}'", unknown[0].first));
  const auto text_at = [&](std::string_view key) -> Result<std::string> {
    const base::Yaml* node = root.find(key);
    if (node == nullptr || !node->is_scalar() || node->text().empty())
      return wrong(node == nullptr ? root.line() : node->line(), fmt::format("'{}' must be a text", key));
    return node->text();
  };
  const auto line_of = [&](std::string_view key) { return root.find(key)->line(); };
  auto evidence_key = proof::VerifierKey::parse(TRY(text_at("evidence_key")));
  if (!evidence_key) return wrong(line_of("evidence_key"), evidence_key.error().what);
  auto organisation = model::OrganisationId::parse(TRY(text_at("organisation")));
  if (!organisation) return wrong(line_of("organisation"), organisation.error().what);
  auto system = model::SystemId::parse(TRY(text_at("system")));
  if (!system) return wrong(line_of("system"), system.error().what);
  auto sensor = model::SensorId::parse(TRY(text_at("sensor")));
  if (!sensor) return wrong(line_of("sensor"), sensor.error().what);
  Trust out{.organisation = *organisation,
            .system = *system,
            .sensor = *sensor,
            .centre = TRY(text_at("centre")),
            .manifest_keys = {},
            .evidence_key = *evidence_key};
  const base::Yaml* keys = root.find("manifest_keys");
  if (keys == nullptr || !keys->is_list() || keys->items().empty())
    return wrong(keys == nullptr ? root.line() : keys->line(), "'manifest_keys' must be a list of verifier keys");
  for (const base::Yaml& item : keys->items()) {
    auto key = proof::VerifierKey::parse(item.is_scalar() ? item.text() : "");
    if (!key) return wrong(item.line(), key.error().what);
    out.manifest_keys.push_back(std::move(*key));
  }
  return out;
}

std::string to_yaml(const Trust& trust) {
  std::string out = fmt::format(
      "# Whom this machine's probe trusts. Made by `hinomi-sensor enrol`; only the administrator may change it.\n"
      "organisation: {}\nsystem: {}\nsensor: {}\ncentre: {}\nevidence_key: \"{}\"\nmanifest_keys:\n",
      trust.organisation.text(), trust.system.text(), trust.sensor.text(), trust.centre, trust.evidence_key.text());
  for (const proof::VerifierKey& key : trust.manifest_keys) out += fmt::format("  - \"{}\"\n", key.text());
  return out;
}

}  // namespace hinomi::consent
