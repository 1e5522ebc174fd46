#include <hinomi/model/indicator.hpp>
#include <hinomi/model/inside/json.hpp>

#include <fmt/format.h>

#include <array>

namespace hinomi::model {
namespace {
namespace json = boost::json;
constexpr std::array<std::string_view, 4> kTypes{"file-sha256", "ipv4-addr", "ipv6-addr", "domain-name"};
constexpr std::array<std::string_view, 3> kStates{"candidate", "held", "published"};
}  // namespace

std::string_view name_of(IndicatorType type) { return kTypes.at(static_cast<std::size_t>(type)); }

base::Result<IndicatorType> indicator_type_named(std::string_view name) {
  for (std::size_t i = 0; i < kTypes.size(); ++i)
    if (kTypes[i] == name) return static_cast<IndicatorType>(i);
  return base::fail(base::Errc::malformed,
                    fmt::format("'{}' is not an indicator type: {}", name.substr(0, 40), fmt::join(kTypes, ", ")));
}

std::string_view name_of(IndicatorState state) { return kStates.at(static_cast<std::size_t>(state)); }

base::Result<IndicatorState> indicator_state_named(std::string_view name) {
  for (std::size_t i = 0; i < kStates.size(); ++i)
    if (kStates[i] == name) return static_cast<IndicatorState>(i);
  return base::fail(base::Errc::malformed,
                    fmt::format("'{}' is not an indicator state: {}", name.substr(0, 40), fmt::join(kStates, ", ")));
}

std::string make_pattern(IndicatorType type, std::string_view value) {
  // STIX 2.1 section 9.2: in a string literal, a backslash and a quote are escaped by a backslash.
  std::string literal;
  for (const char c : value) {
    if (c == '\'' || c == '\\') literal += '\\';
    literal += c;
  }
  if (type == IndicatorType::file_sha256) return fmt::format("[file:hashes.'SHA-256' = '{}']", literal);
  return fmt::format("[{}:value = '{}']", name_of(type), literal);
}

IndicatorId make_indicator_id(std::string_view producer, std::string_view naming, IndicatorType type,
                              std::string_view value) {
  return {base::Uuid::named(base::kHinomiNamespace,
                            fmt::format("indicator\n{}\n{}\nstix\n{}", producer, naming, make_pattern(type, value)))};
}

std::string to_json(const Indicator& indicator) {
  const auto text = [](const std::string& value) { return inside::text(value); };
  json::object out;
  out.emplace("id", indicator.id.text());
  out.emplace("type", name_of(indicator.type));
  out.emplace("value", indicator.value);
  out.emplace("pattern", indicator.pattern);
  out.emplace("producer", indicator.producer);
  out.emplace("organisation", indicator.organisation.text());
  out.emplace("state", name_of(indicator.state));
  out.emplace("reason", indicator.reason);
  out.emplace("level", name_of(indicator.level));
  out.emplace("confidence", indicator.confidence);
  out.emplace("tags", inside::array_of(indicator.tags, text));
  out.emplace("findings",
              inside::array_of(indicator.findings, [](const FindingId& id) { return inside::text(id.text()); }));
  out.emplace("evidence", inside::array_of(indicator.evidence, inside::to_object));
  out.emplace("created", indicator.created.rfc3339());
  out.emplace("modified", indicator.modified.rfc3339());
  out.emplace("valid_from", indicator.valid_from.rfc3339());
  if (indicator.published_by)
    out.emplace("published_by",
                json::object{{"log", indicator.published_by->log}, {"index", indicator.published_by->index}});
  if (indicator.published) out.emplace("published", indicator.published->rfc3339());
  return json::serialize(out);
}

base::Result<Indicator> indicator_from_json(std::string_view text) {
  const json::object in = TRY(inside::parse_object(text));
  const auto number = [](const json::object& object, std::string_view key) -> base::Result<std::uint64_t> {
    const json::value* value = object.if_contains(key);
    boost::system::error_code error;
    const std::uint64_t out = value != nullptr ? value->to_number<std::uint64_t>(error) : 0;
    if (value == nullptr || error)
      return base::fail(base::Errc::malformed, fmt::format("'{}': a number was expected", key));
    return out;
  };
  Indicator out;
  const std::string id = TRY(inside::text_at(in, "id"));
  out.id = TRY(IndicatorId::parse(id));
  const std::string type = TRY(inside::text_at(in, "type"));
  out.type = TRY(indicator_type_named(type));
  out.value = TRY(inside::text_at(in, "value"));
  out.pattern = TRY(inside::text_at(in, "pattern"));
  out.producer = TRY(inside::text_at(in, "producer"));
  const std::string organisation = TRY(inside::text_at(in, "organisation"));
  out.organisation = TRY(OrganisationId::parse(organisation));
  const std::string state = TRY(inside::text_at(in, "state"));
  out.state = TRY(indicator_state_named(state));
  out.reason = TRY(inside::text_at(in, "reason"));
  const std::string level = TRY(inside::text_at(in, "level"));
  out.level = TRY(level_named(level));
  const std::uint64_t confidence = TRY(number(in, "confidence"));
  out.confidence = static_cast<std::uint32_t>(confidence);
  out.tags = TRY(inside::texts_at(in, "tags"));
  const std::vector<std::string> findings = TRY(inside::texts_at(in, "findings"));
  for (const std::string& finding : findings) {
    const FindingId parsed = TRY(FindingId::parse(finding));
    out.findings.push_back(parsed);
  }
  out.evidence = TRY(inside::evidence_at(in));
  out.created = TRY(inside::time_at(in, "created"));
  out.modified = TRY(inside::time_at(in, "modified"));
  out.valid_from = TRY(inside::time_at(in, "valid_from"));
  if (const json::value* by = in.if_contains("published_by"); by != nullptr && by->is_object()) {
    EntryRef ref;
    ref.log = TRY(inside::text_at(by->get_object(), "log"));
    ref.index = TRY(number(by->get_object(), "index"));
    out.published_by = ref;
  }
  if (in.contains("published")) {
    const base::Time published = TRY(inside::time_at(in, "published"));
    out.published = published;
  }
  return out;
}

}  // namespace hinomi::model
