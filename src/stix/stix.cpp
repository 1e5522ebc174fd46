#include <hinomi/stix/stix.hpp>

#include <hinomi/base/digest.hpp>
#include <hinomi/base/escape.hpp>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <set>

namespace hinomi::stix {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxEntries = 64;  // named in the extension; `evidence_count` counts them all
constexpr std::size_t kMaxRules = 32;
constexpr base::Time kProjectCreated{1'795'219'200'000'000'000};  // 2026-11-21T00:00:00Z
constexpr std::string_view kTlpExtension = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";

// Members sorted by name. All names here are ASCII, so byte order is RFC 8785's order of UTF-16 units; numbers are integers
// below 2^53, and Boost.JSON escapes strings as RFC 8785 section 3.2.2.2 asks.
json::value sorted(const json::value& value) {
  if (const auto* object = value.if_object()) {
    std::vector<const json::key_value_pair*> members;
    for (const auto& member : *object) members.push_back(&member);
    std::ranges::sort(members, {}, [](const auto* member) { return std::string_view(member->key()); });
    json::object out;
    for (const auto* member : members) out.emplace(member->key(), sorted(member->value()));
    return out;
  }
  if (const auto* array = value.if_array()) {
    json::array out;
    for (const auto& item : *array) out.push_back(sorted(item));
    return out;
  }
  return value;
}

Object finished(json::object object, base::Time created, base::Time modified) {
  Object out;
  out.id = object["id"].as_string();
  out.type = object["type"].as_string();
  out.created = created;
  out.modified = modified;
  out.json = json::serialize(sorted(object));
  return out;
}

std::string stix_id(std::string_view type, std::string_view name) {
  return fmt::format("{}--{}", type, base::Uuid::named(base::kHinomiNamespace, name).text());
}

std::string project_id() { return stix_id("identity", "identity/hinomi-project"); }

std::string text_of(base::Time time) { return time.rfc3339(3); }

// "attack.t1059.004" -> "T1059.004"; nothing for a tactic, a group or software.
std::optional<std::string> technique_of(std::string_view tag) {
  constexpr std::string_view kPrefix = "attack.t";
  if (!tag.starts_with(kPrefix)) return std::nullopt;
  const std::string_view rest = tag.substr(kPrefix.size());
  const auto digits = [](std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  };
  const bool plain = rest.size() == 4 && digits(rest);
  const bool with_part = rest.size() == 8 && rest[4] == '.' && digits(rest.substr(0, 4)) && digits(rest.substr(5));
  if (!plain && !with_part) return std::nullopt;
  return "T" + std::string(rest);
}

// "attack.defense_evasion" or "attack.defense-evasion" -> "defense-evasion"; nothing for what has a digit (techniques,
// groups, software, data sources) or is not ATT&CK's.
std::optional<std::string> tactic_of(std::string_view tag) {
  constexpr std::string_view kPrefix = "attack.";
  if (!tag.starts_with(kPrefix) || tag.size() == kPrefix.size()) return std::nullopt;
  std::string name(tag.substr(kPrefix.size()));
  std::ranges::replace(name, '_', '-');
  const bool good = std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
  if (!good || name.front() == '-') return std::nullopt;
  return name;
}

std::string name_text(const model::Indicator& indicator) {
  switch (indicator.type) {
    case model::IndicatorType::file_sha256: return "File with SHA-256 " + indicator.value;
    case model::IndicatorType::ipv4: return "IPv4 address " + indicator.value;
    case model::IndicatorType::ipv6: return "IPv6 address " + indicator.value;
    case model::IndicatorType::domain: return "Domain name " + indicator.value;
  }
  return indicator.value;
}

std::vector<model::RuleRef> ordered(std::span<const model::RuleRef> rules) {
  std::vector<model::RuleRef> out(rules.begin(), rules.end());
  const auto key = [](const model::RuleRef& rule) { return std::pair(std::string_view(rule.id), rule.digest); };
  std::ranges::sort(out, [&](const auto& a, const auto& b) { return key(a) < key(b); });
  const auto same = std::ranges::unique(out, [&](const auto& a, const auto& b) { return key(a) == key(b); });
  out.erase(same.begin(), same.end());
  return out;
}

std::string description_text(const model::Indicator& indicator, const std::vector<model::RuleRef>& rules) {
  std::set<std::string> titles;
  for (const auto& rule : rules) titles.insert(base::to_utf8_lossy(rule.title));
  std::string names;
  for (const auto& title : titles) names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", title);
  if (names.empty()) names = "a rule of the producer";
  return fmt::format(
      "Seen on observed endpoints where {} held (highest level: {}). It rests on {} recorded piece{} of evidence, "
      "the first from {}.",
      names, model::name_of(indicator.level), indicator.evidence.size(), indicator.evidence.size() == 1 ? "" : "s",
      text_of(indicator.valid_from));
}

json::object proof_extension(const model::Indicator& indicator, const Proof& proof,
                             const std::vector<model::RuleRef>& rules) {
  json::object out{{"extension_type", "property-extension"}};
  if (!proof.log_origin.empty()) out["log_origin"] = proof.log_origin;
  std::set<std::uint64_t> indexes;
  for (const auto& evidence : indicator.evidence) indexes.insert(evidence.entry.index);
  json::array entries;
  for (const std::uint64_t index : indexes) {
    if (entries.size() == kMaxEntries) break;
    entries.push_back(index);
  }
  if (!entries.empty()) out["entries"] = std::move(entries);
  out["evidence_count"] = indicator.evidence.size();
  json::array named;
  for (const auto& rule : rules) {
    if (named.size() == kMaxRules) break;
    named.push_back(json::object{{"id", rule.id}, {"sha256", rule.digest.hex()}});
  }
  if (!named.empty()) out["rules"] = std::move(named);
  return out;
}

base::Digest hmac_sha256(base::ByteView key, base::ByteView message) {
  base::Digest out;
  unsigned length = 0;
  const auto octets = base::as_octets(message);
  const auto* done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), octets.data(), octets.size(),
                          out.octets.data(), &length);
  HINOMI_CHECK(done != nullptr && length == out.octets.size());
  return out;
}

struct MarkingRow {
  std::string_view id, name, level;
};
constexpr std::array<MarkingRow, 5> kMarkings{{
    {"marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", "TLP:CLEAR", "clear"},
    {"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "TLP:GREEN", "green"},
    {"marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", "TLP:AMBER", "amber"},
    {"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", "TLP:AMBER+STRICT", "amber+strict"},
    {"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", "TLP:RED", "red"},
}};
const MarkingRow& row_of(Tlp tlp) { return kMarkings.at(static_cast<std::size_t>(tlp)); }

}  // namespace

base::Time to_milliseconds(base::Time time) {
  std::int64_t rest = time.nanoseconds % 1'000'000;
  if (rest < 0) rest += 1'000'000;
  return {time.nanoseconds - rest};
}

std::string identity_id(std::string_view producer) {
  return stix_id("identity", fmt::format("identity/centre/{}", producer));
}

std::string_view extension_definition_id() {
  static const std::string id = stix_id("extension-definition", "extension-definition/evidence/1");
  return id;
}

std::string_view marking_id(Tlp tlp) { return row_of(tlp).id; }

std::string blinded_origin(std::string_view origin, base::ByteView key) {
  constexpr std::string_view kEvidence = "/evidence/";
  const std::size_t at = origin.rfind(kEvidence);
  std::string_view kept;
  if (at != std::string_view::npos && origin.find('/', at + kEvidence.size()) == std::string_view::npos)
    kept = origin.substr(0, at + kEvidence.size());
  else if (const std::size_t slash = origin.find('/'); slash != std::string_view::npos)
    kept = origin.substr(0, slash + 1);
  return fmt::format("{}~{}", kept, hmac_sha256(key, origin).hex().substr(0, 26));
}

Object indicator_object(const model::Indicator& indicator, const Proof& proof, std::optional<base::Time> not_before) {
  const std::vector<model::RuleRef> rules = ordered(proof.rules);
  const base::Time created = to_milliseconds(indicator.created);
  base::Time modified = std::max(created, to_milliseconds(indicator.modified));
  if (not_before) {
    const base::Time floor = to_milliseconds(*not_before);
    modified = std::max(modified, floor < *not_before ? base::Time{floor.nanoseconds + 1'000'000} : floor);
  }

  json::object object{
      {"type", "indicator"},
      {"spec_version", "2.1"},
      {"id", "indicator--" + indicator.id.text()},
      {"created_by_ref", identity_id(indicator.producer)},
      {"created", text_of(created)},
      {"modified", text_of(modified)},
      {"name", name_text(indicator)},
      {"description", description_text(indicator, rules)},
      {"lang", "en"},
      {"pattern", indicator.pattern},
      {"pattern_type", "stix"},
      {"pattern_version", "2.1"},
      {"valid_from", text_of(indicator.valid_from)},
      {"confidence", std::min<std::uint32_t>(indicator.confidence, 100)},
      {"indicator_types",
       json::array{indicator.level >= model::Level::high ? "malicious-activity" : "anomalous-activity"}},
      {"object_marking_refs", json::array{marking_id(Tlp::amber)}},
  };

  std::set<std::string> tactics;
  std::set<std::string> techniques;
  json::array labels;
  for (const auto& tag : indicator.tags) {
    if (const auto tactic = tactic_of(tag)) tactics.insert(*tactic);
    if (const auto technique = technique_of(tag)) techniques.insert(*technique);
    labels.push_back(json::string(base::to_utf8_lossy(tag)));
  }
  // Lists are absent rather than empty (section 2.7).
  if (!labels.empty()) object["labels"] = std::move(labels);
  if (!tactics.empty()) {
    json::array phases;
    for (const auto& tactic : tactics)
      phases.push_back(json::object{{"kill_chain_name", "mitre-attack"}, {"phase_name", tactic}});
    object["kill_chain_phases"] = std::move(phases);
  }
  if (!techniques.empty()) {
    json::array references;
    for (const auto& technique : techniques)
      references.push_back(json::object{{"source_name", "mitre-attack"}, {"external_id", technique}});
    object["external_references"] = std::move(references);
  }
  object["extensions"] = json::object{{extension_definition_id(), proof_extension(indicator, proof, rules)}};
  return finished(std::move(object), created, modified);
}

Object identity_object(std::string_view producer) {
  json::object object{
      {"type", "identity"},
      {"spec_version", "2.1"},
      {"id", identity_id(producer)},
      {"created", text_of(kProjectCreated)},
      {"modified", text_of(kProjectCreated)},
      {"name", producer},
      {"description", "A Hinomi centre: it publishes what was observed, detected and recorded as evidence there."},
      {"identity_class", "organization"},
      {"object_marking_refs", json::array{marking_id(Tlp::clear)}},
  };
  return finished(std::move(object), kProjectCreated, kProjectCreated);
}

Object project_identity() {
  json::object object{
      {"type", "identity"},
      {"spec_version", "2.1"},
      {"id", project_id()},
      {"created", text_of(kProjectCreated)},
      {"modified", text_of(kProjectCreated)},
      {"name", "Hinomi"},
      {"description", "The project that defines the extension by which an indicator names its evidence."},
      {"identity_class", "organization"},
      {"object_marking_refs", json::array{marking_id(Tlp::clear)}},
  };
  return finished(std::move(object), kProjectCreated, kProjectCreated);
}

Object extension_definition() {
  json::object object{
      {"type", "extension-definition"},
      {"spec_version", "2.1"},
      {"id", extension_definition_id()},
      {"created_by_ref", project_id()},
      {"created", text_of(kProjectCreated)},
      {"modified", text_of(kProjectCreated)},
      {"name", "Hinomi evidence"},
      {"description", "What an indicator rests on, so that who received it can have it checked."},
      {"schema",
       "log_origin (string): the append-only log (C2SP tlog-checkpoint origin) that holds the evidence; the last "
       "segment, "
       "begun by '~', stands for the organisation whose log it is. entries (list of integer, ascending, at most 64): "
       "indexes "
       "of the log's entries. evidence_count (integer): how many events the indicator rests on. rules (list of "
       "dictionary, at "
       "most 32): id (string) and sha256 (string, hex, of the rule file) of each rule that held."},
      {"version", "1.0.0"},
      {"extension_types", json::array{"property-extension"}},
      {"object_marking_refs", json::array{marking_id(Tlp::clear)}},
  };
  return finished(std::move(object), kProjectCreated, kProjectCreated);
}

Object marking_object(Tlp tlp) {
  const MarkingRow& row = row_of(tlp);
  const base::Time created{1'664'582'400'000'000'000};  // 2022-10-01T00:00:00Z, fixed by OASIS
  json::object object{
      {"type", "marking-definition"},
      {"spec_version", "2.1"},
      {"id", row.id},
      {"created", text_of(created)},
      {"name", row.name},
      {"extensions",
       json::object{{kTlpExtension, json::object{{"extension_type", "property-extension"}, {"tlp_2_0", row.level}}}}},
  };
  return finished(std::move(object), created, created);
}

}  // namespace hinomi::stix
