#include <hinomi/model/finding.hpp>
#include <hinomi/model/inside/json.hpp>

#include <fmt/core.h>

#include <array>

namespace hinomi::model {
namespace {
namespace json = boost::json;
constexpr std::array<std::string_view, 5> kLevels{"informational", "low", "medium", "high", "critical"};
}  // namespace

namespace inside {

base::Result<json::object> parse_object(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 32;
  json::value value = json::parse(text, error, {}, options);
  if (error || !value.is_object()) return base::fail(base::Errc::malformed, "a JSON object was expected");
  return std::move(value.get_object());
}

base::Result<std::string> text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string())
    return base::fail(base::Errc::malformed, fmt::format("'{}': a text was expected", key));
  return std::string(value->get_string());
}

base::Result<base::Time> time_at(const json::object& object, std::string_view key) {
  const std::string text = TRY(text_at(object, key));
  return base::Time::parse_rfc3339(text);
}

base::Result<std::vector<std::string>> texts_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_array())
    return base::fail(base::Errc::malformed, fmt::format("'{}': a list was expected", key));
  std::vector<std::string> out;
  for (const json::value& item : value->get_array()) {
    if (!item.is_string())
      return base::fail(base::Errc::malformed, fmt::format("'{}': a list of texts was expected", key));
    out.emplace_back(item.get_string());
  }
  return out;
}

json::object to_object(const Evidence& evidence) {
  return {{"log", evidence.entry.log}, {"index", evidence.entry.index}, {"event", evidence.event.text()}};
}

base::Result<std::vector<Evidence>> evidence_at(const json::object& object) {
  const json::value* list = object.if_contains("evidence");
  if (list == nullptr || !list->is_array()) return base::fail(base::Errc::malformed, "'evidence': a list was expected");
  std::vector<Evidence> out;
  for (const json::value& item : list->get_array()) {
    if (!item.is_object()) return base::fail(base::Errc::malformed, "'evidence': a list of objects was expected");
    Evidence evidence;
    evidence.entry.log = TRY(text_at(item.get_object(), "log"));
    const json::value* index = item.get_object().if_contains("index");
    boost::system::error_code error;
    evidence.entry.index = index != nullptr ? index->to_number<std::uint64_t>(error) : 0;
    if (index == nullptr || error) return base::fail(base::Errc::malformed, "'index': a number was expected");
    const std::string event = TRY(text_at(item.get_object(), "event"));
    evidence.event = TRY(EventId::parse(event));
    out.push_back(std::move(evidence));
  }
  return out;
}

}  // namespace inside

std::string_view name_of(Level level) { return kLevels.at(static_cast<std::size_t>(level)); }

base::Result<Level> level_named(std::string_view name) {
  for (std::size_t i = 0; i < kLevels.size(); ++i)
    if (kLevels[i] == name) return static_cast<Level>(i);
  return base::fail(
      base::Errc::malformed,
      fmt::format("'{}' is not a level: informational, low, medium, high or critical", name.substr(0, 40)));
}

FindingId make_finding_id(const RuleRef& rule, const std::vector<Evidence>& evidence) {
  std::string name = fmt::format("finding\n{}\n{}\n", rule.id, rule.digest.hex());
  for (const Evidence& item : evidence)
    name += fmt::format("{} {} {}\n", item.entry.log, item.entry.index, item.event.text());
  return {base::Uuid::named(base::kHinomiNamespace, name)};
}

std::string to_json(const Finding& finding) {
  const auto text = [](const std::string& value) { return inside::text(value); };
  json::object out;
  out.emplace("id", finding.id.text());
  out.emplace("rule", json::object{{"id", finding.rule.id},
                                   {"digest", finding.rule.digest.hex()},
                                   {"title", finding.rule.title},
                                   {"author", finding.rule.author},
                                   {"level", name_of(finding.rule.level)},
                                   {"tags", inside::array_of(finding.rule.tags, text)}});
  out.emplace("engine", finding.engine);
  out.emplace("organisation", finding.organisation.text());
  out.emplace("system", finding.system.text());
  out.emplace("host", finding.host.text());
  out.emplace("host_name", finding.host_name);
  out.emplace("source_time", finding.source_time.rfc3339());
  out.emplace("received_time", finding.received_time.rfc3339());
  out.emplace("process_guid", finding.process_guid);
  out.emplace("ancestry", inside::array_of(finding.ancestry, [](const Ancestor& ancestor) {
                return json::object{{"guid", ancestor.guid}, {"executable", ancestor.executable}};
              }));
  out.emplace("matched", inside::array_of(finding.matched, [](const MatchedField& matched) {
                return json::object{{"field", matched.field}, {"value", matched.value}};
              }));
  out.emplace("evidence", inside::array_of(finding.evidence, inside::to_object));
  return json::serialize(out);
}

base::Result<Finding> finding_from_json(std::string_view text) {
  const json::object in = TRY(inside::parse_object(text));
  const auto object_list = [&in](std::string_view key) -> base::Result<json::array> {
    const json::value* value = in.if_contains(key);
    if (value == nullptr || !value->is_array())
      return base::fail(base::Errc::malformed, fmt::format("'{}': a list was expected", key));
    for (const json::value& item : value->get_array())
      if (!item.is_object())
        return base::fail(base::Errc::malformed, fmt::format("'{}': a list of objects was expected", key));
    return value->get_array();
  };
  Finding out;
  const std::string id = TRY(inside::text_at(in, "id"));
  out.id = TRY(FindingId::parse(id));
  const json::value* rule_value = in.if_contains("rule");
  if (rule_value == nullptr || !rule_value->is_object())
    return base::fail(base::Errc::malformed, "'rule': an object was expected");
  const json::object& rule = rule_value->get_object();
  out.rule.id = TRY(inside::text_at(rule, "id"));
  const std::string digest = TRY(inside::text_at(rule, "digest"));
  out.rule.digest = TRY(base::Digest::parse_hex(digest));
  out.rule.title = TRY(inside::text_at(rule, "title"));
  out.rule.author = TRY(inside::text_at(rule, "author"));
  const std::string level = TRY(inside::text_at(rule, "level"));
  out.rule.level = TRY(level_named(level));
  out.rule.tags = TRY(inside::texts_at(rule, "tags"));
  out.engine = TRY(inside::text_at(in, "engine"));
  const std::string organisation = TRY(inside::text_at(in, "organisation"));
  out.organisation = TRY(OrganisationId::parse(organisation));
  const std::string system = TRY(inside::text_at(in, "system"));
  out.system = TRY(SystemId::parse(system));
  const std::string host = TRY(inside::text_at(in, "host"));
  out.host = TRY(HostId::parse(host));
  out.host_name = TRY(inside::text_at(in, "host_name"));
  out.source_time = TRY(inside::time_at(in, "source_time"));
  out.received_time = TRY(inside::time_at(in, "received_time"));
  out.process_guid = TRY(inside::text_at(in, "process_guid"));
  const json::array ancestry = TRY(object_list("ancestry"));
  for (const json::value& item : ancestry) {
    Ancestor ancestor;
    ancestor.guid = TRY(inside::text_at(item.get_object(), "guid"));
    ancestor.executable = TRY(inside::text_at(item.get_object(), "executable"));
    out.ancestry.push_back(std::move(ancestor));
  }
  const json::array matched = TRY(object_list("matched"));
  for (const json::value& item : matched) {
    MatchedField field;
    field.field = TRY(inside::text_at(item.get_object(), "field"));
    field.value = TRY(inside::text_at(item.get_object(), "value"));
    out.matched.push_back(std::move(field));
  }
  out.evidence = TRY(inside::evidence_at(in));
  return out;
}

}  // namespace hinomi::model
