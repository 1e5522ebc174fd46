#include <hinomi/stix/stix.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include <map>
#include <regex>
#include <set>

namespace hinomi::stix {
namespace {

namespace json = boost::json;

// The rules of the STIX 2.1 text that concern the objects we make, written from the text and not from our own code:
// sections 2 (types), 3.1 to 3.7 (common properties, versioning), 4.5, 4.7 (identity, indicator), 7.2, 7.3 (markings,
// extensions).
class Checker {
 public:
  static std::vector<std::string> problems_of(std::string_view text) {
    Checker checker;
    json::error_code failed;
    const json::value value = json::parse(text, failed);
    if (failed || !value.is_object()) return {"not a JSON object"};
    checker.object(value.as_object());
    checker.canonical(text, value);
    return checker.problems_;
  }

 private:
  struct Rule {
    std::set<std::string> required, optional;
  };
  static const std::map<std::string, Rule>& rules() {
    static const std::set<std::string> common{
        "revoked",           "labels",    "confidence", "lang", "external_references", "object_marking_refs",
        "granular_markings", "extensions"};
    const auto with = [](std::set<std::string> a, const std::set<std::string>& b) {
      a.insert(b.begin(), b.end());
      return a;
    };
    static const std::map<std::string, Rule> all{
        {"indicator",
         {{"type", "spec_version", "id", "created", "modified", "pattern", "pattern_type", "valid_from"},
          with({"created_by_ref", "name", "description", "indicator_types", "pattern_version", "valid_until",
                "kill_chain_phases"},
               common)}},
        {"identity",
         {{"type", "spec_version", "id", "created", "modified", "name"},
          with({"created_by_ref", "description", "roles", "identity_class", "sectors", "contact_information"},
               common)}},
        {"extension-definition",
         {{"type", "spec_version", "id", "created_by_ref", "created", "modified", "name", "schema", "version",
           "extension_types"},
          {"description", "extension_properties", "revoked", "labels", "external_references", "object_marking_refs",
           "granular_markings"}}},
        {"marking-definition",
         {{"type", "spec_version", "id", "created"},
          {"created_by_ref", "name", "definition_type", "definition", "external_references", "object_marking_refs",
           "granular_markings", "extensions"}}},
    };
    return all;
  }

  void bad(std::string what) { problems_.push_back(std::move(what)); }
  static bool matches(std::string_view text, const char* expression) {
    return std::regex_match(text.begin(), text.end(), std::regex(expression));
  }
  static std::string text(const json::value* value) {
    return value && value->is_string() ? std::string(value->as_string()) : std::string();
  }

  void object(const json::object& o) {
    const std::string type = text(o.if_contains("type"));
    const auto rule = rules().find(type);
    if (rule == rules().end()) return bad("unknown type " + type);
    for (const auto& name : rule->second.required)
      if (!o.contains(name)) bad("lacks " + name);
    for (const auto& member : o) {
      const std::string name(member.key());
      if (!rule->second.required.contains(name) && !rule->second.optional.contains(name)) bad("has unknown " + name);
      if (!matches(name, "[a-z0-9_]{3,250}") && name != "id") bad("property name " + name);
    }
    nothing_empty(o, "");
    if (text(o.if_contains("spec_version")) != "2.1") bad("spec_version");
    identifier(text(o.if_contains("id")), type);
    for (const char* name : {"created", "modified", "valid_from", "valid_until"})
      if (o.contains(name) &&
          !matches(text(o.if_contains(name)), "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z"))
        bad(std::string(name) + " is not a timestamp with three digits");
    if (o.contains("modified") && text(o.if_contains("modified")) < text(o.if_contains("created")))
      bad("modified before created");
    if (o.contains("valid_until") && text(o.if_contains("valid_until")) <= text(o.if_contains("valid_from")))
      bad("valid_until");
    if (const auto* by = o.if_contains("created_by_ref")) identifier(text(by), "identity");
    if (const auto* refs = o.if_contains("object_marking_refs"))
      for (const auto& ref : refs->as_array()) identifier(text(&ref), "marking-definition");
    if (const auto* confidence = o.if_contains("confidence"))
      if (!confidence->is_int64() || confidence->as_int64() < 0 || confidence->as_int64() > 100) bad("confidence");
    if (const auto* references = o.if_contains("external_references"))
      for (const auto& item : references->as_array()) {
        const auto& reference = item.as_object();
        if (!reference.contains("source_name")) bad("external reference without source_name");
        if (!reference.contains("description") && !reference.contains("url") && !reference.contains("external_id"))
          bad("external reference that says nothing");
      }
    if (const auto* extensions = o.if_contains("extensions"))
      for (const auto& member : extensions->as_object()) {
        identifier(member.key(), "extension-definition");
        const std::string kind = text(member.value().as_object().if_contains("extension_type"));
        if (kind != "property-extension") bad("extension_type " + kind);
      }
    if (type == "indicator") indicator(o);
    if (type == "marking-definition" && !o.contains("extensions") && !o.contains("definition_type"))
      bad("marks nothing");
    if (type == "extension-definition" && !matches(text(o.if_contains("version")), "\\d+\\.\\d+\\.\\d+"))
      bad("version");
  }

  void indicator(const json::object& o) {
    static const std::set<std::string> kinds{"anomalous-activity", "anonymization", "benign", "compromised",
                                             "malicious-activity", "attribution",   "unknown"};
    for (const auto& kind : o.at("indicator_types").as_array())
      if (!kinds.contains(text(&kind))) bad("indicator type " + text(&kind));
    if (text(o.if_contains("pattern_type")) != "stix") bad("pattern_type");
    // Level 1, one comparison, an equals sign and a quoted value; the hash must fit its algorithm (pattern grammar,
    // section 9).
    if (!matches(
            text(o.if_contains("pattern")),
            "\\[(file:hashes\\.'SHA-256' = '[0-9a-f]{64}'|ipv4-addr:value = '[0-9.]+'|ipv6-addr:value = '[0-9a-f:.]+'|"
            "domain-name:value = '[a-z0-9.-]+')\\]"))
      bad("pattern " + text(o.if_contains("pattern")));
    if (const auto* phases = o.if_contains("kill_chain_phases"))
      for (const auto& phase : phases->as_array())
        if (!phase.as_object().contains("kill_chain_name") || !phase.as_object().contains("phase_name")) bad("phase");
  }

  void identifier(std::string_view id, std::string_view type) {
    const std::string prefix = std::string(type) + "--";
    if (!id.starts_with(prefix) ||
        !matches(id.substr(prefix.size()), "[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"))
      bad("identifier " + std::string(id));
  }

  void nothing_empty(const json::value& value, const std::string& where) {
    if (value.is_null()) bad(where + " is null");
    if (const auto* array = value.if_array()) {
      if (array->empty()) bad(where + " is an empty list");
      for (const auto& item : *array) nothing_empty(item, where);
    }
    if (const auto* object = value.if_object()) {
      if (object->empty()) bad(where + " is an empty dictionary");
      for (const auto& member : *object) nothing_empty(member.value(), where + "/" + std::string(member.key()));
    }
  }

  void canonical(std::string_view text, const json::value& value) {
    in_order(value);
    if (text != json::serialize(value)) bad("white space or another spelling than RFC 8785's");
  }
  void in_order(const json::value& value) {
    if (const auto* array = value.if_array())
      for (const auto& item : *array) in_order(item);
    if (const auto* object = value.if_object()) {
      std::string before;
      for (const auto& member : *object) {
        if (!before.empty() && std::string(member.key()) <= before) bad("key order at " + std::string(member.key()));
        before = member.key();
        in_order(member.value());
      }
    }
  }

  std::vector<std::string> problems_;
};

std::string joined(const std::vector<std::string>& problems) {
  std::string out;
  for (const auto& problem : problems) out += problem + "; ";
  return out;
}
#define EXPECT_FOLLOWS_STIX(object) EXPECT_EQ(joined(Checker::problems_of((object).json)), "") << (object).json

const std::string kHash(64, 'a');

model::RuleRef rule(std::string id, std::string title) {
  return {.id = std::move(id), .digest = base::sha256(title), .title = title, .level = model::Level::high};
}

model::Indicator indicator(model::IndicatorType type = model::IndicatorType::file_sha256) {
  model::Indicator out;
  out.type = type;
  switch (type) {
    case model::IndicatorType::file_sha256:
      out.value = kHash, out.pattern = "[file:hashes.'SHA-256' = '" + kHash + "']";
      break;
    case model::IndicatorType::ipv4:
      out.value = "198.51.100.7", out.pattern = "[ipv4-addr:value = '198.51.100.7']";
      break;
    case model::IndicatorType::ipv6:
      out.value = "2001:db8::7", out.pattern = "[ipv6-addr:value = '2001:db8::7']";
      break;
    case model::IndicatorType::domain:
      out.value = "xn--q9jyb4c.example", out.pattern = "[domain-name:value = 'xn--q9jyb4c.example']";
      break;
  }
  out.id.uuid = base::Uuid::named(base::kHinomiNamespace, out.pattern);
  out.producer = "hinomi.example";
  out.organisation = model::OrganisationId::parse("city-hall").value();
  out.state = model::IndicatorState::published;
  out.confidence = 85;
  out.tags = {"attack.defense_evasion", "attack.execution", "attack.t1059.004", "attack.t1105"};
  for (const std::uint64_t index : {9U, 4U, 4U})
    out.evidence.push_back(
        {.entry = {.log = "hinomi.example/evidence/city-hall", .index = index}, .event = {.sequence = index}});
  out.created = base::Time::parse_rfc3339("2026-11-21T06:00:00.123456789Z").value();
  out.modified = base::Time::parse_rfc3339("2026-11-21T06:00:05.9999Z").value();
  out.valid_from = base::Time::parse_rfc3339("2026-11-21T05:59:59Z").value();
  return out;
}

Proof proof(const std::vector<model::RuleRef>& rules) {
  return {.log_origin = blinded_origin("hinomi.example/evidence/city-hall", "a key of the centre's"), .rules = rules};
}

json::object parsed(const Object& object) { return json::parse(object.json).as_object(); }

TEST(Stix, every_kind_of_indicator_follows_the_specification) {
  const std::vector rules{rule("b", "Program started from memory"), rule("a", "Curl into a shell")};
  for (const auto type : {model::IndicatorType::file_sha256, model::IndicatorType::ipv4, model::IndicatorType::ipv6,
                          model::IndicatorType::domain})
    EXPECT_FOLLOWS_STIX(indicator_object(indicator(type), proof(rules)));
}

TEST(Stix, the_objects_an_indicator_refers_to_follow_the_specification) {
  EXPECT_FOLLOWS_STIX(identity_object("hinomi.example"));
  EXPECT_FOLLOWS_STIX(project_identity());
  EXPECT_FOLLOWS_STIX(extension_definition());
  for (const auto tlp : {Tlp::clear, Tlp::green, Tlp::amber, Tlp::amber_strict, Tlp::red})
    EXPECT_FOLLOWS_STIX(marking_object(tlp));
}

TEST(Stix, an_indicator_without_tags_rules_or_evidence_has_no_empty_lists) {
  model::Indicator bare = indicator();
  bare.tags.clear();
  bare.evidence.clear();
  EXPECT_FOLLOWS_STIX(indicator_object(bare, {}));
}

TEST(Stix, the_checker_finds_what_is_wrong) {
  const std::string good = indicator_object(indicator(), {}).json;
  const auto changed = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  EXPECT_EQ(joined(Checker::problems_of(good)), "");
  EXPECT_NE(joined(Checker::problems_of(
                changed("\"created\":\"2026-11-21T06:00:00.123Z\"", "\"created\":\"2026-11-21T06:00:00.123456Z\""))),
            "");
  EXPECT_NE(joined(Checker::problems_of(changed("[\"malicious-activity\"]", "[]"))), "");
  EXPECT_NE(joined(Checker::problems_of(changed("indicator--", "indicator-"))), "");
  EXPECT_NE(joined(Checker::problems_of(changed("'aaaa", "'"))), "");
  EXPECT_NE(joined(Checker::problems_of(changed("property-extension", "property_extension"))), "");
  EXPECT_EQ(joined(Checker::problems_of(changed("\"lang\":\"en\",", ""))), "") << "an optional property may be absent";
  EXPECT_NE(joined(Checker::problems_of(changed("{\"confidence\"", "{ \"confidence\""))), "");
}

TEST(Stix, the_same_indicator_gives_the_same_bytes_in_whatever_order_rules_come) {
  const std::vector one{rule("a", "A"), rule("b", "B")};
  const std::vector other{rule("b", "B"), rule("a", "A"), rule("a", "A")};
  EXPECT_EQ(indicator_object(indicator(), proof(one)), indicator_object(indicator(), proof(other)));
}

TEST(Stix, an_indicator_always_has_what_importers_insist_on) {
  const json::object object = parsed(indicator_object(indicator(), {}));
  for (const char* name : {"name", "description", "pattern", "pattern_type", "valid_from", "indicator_types",
                           "created_by_ref", "confidence", "kill_chain_phases"})
    EXPECT_TRUE(object.contains(name)) << name;
  EXPECT_EQ(object.at("id").as_string(), "indicator--" + indicator().id.text());
  EXPECT_EQ(object.at("created_by_ref").as_string(), identity_id("hinomi.example"));
  EXPECT_EQ(object.at("object_marking_refs").as_array().at(0).as_string(), marking_id(Tlp::amber));
}

TEST(Stix, tactics_become_phases_and_techniques_become_references) {
  model::Indicator tagged = indicator();
  tagged.tags = {"attack.defense-evasion", "attack.defense_evasion", "attack.g0010",    "attack.t1059",
                 "attack.t1059.004",       "attack.t10590",          "car.2013-05-009", "detection.emerging_threats"};
  const json::object object = parsed(indicator_object(tagged, {}));
  EXPECT_EQ(json::serialize(object.at("kill_chain_phases")),
            R"([{"kill_chain_name":"mitre-attack","phase_name":"defense-evasion"}])");
  EXPECT_EQ(
      json::serialize(object.at("external_references")),
      R"([{"external_id":"T1059","source_name":"mitre-attack"},{"external_id":"T1059.004","source_name":"mitre-attack"}])");
  EXPECT_EQ(object.at("labels").as_array().size(), tagged.tags.size());
}

TEST(Stix, the_extension_names_entries_rules_and_count) {
  const std::vector rules{rule("5f3a", "A")};
  const json::object object = parsed(indicator_object(indicator(), proof(rules)));
  const auto& extension = object.at("extensions").at(extension_definition_id());
  EXPECT_EQ(json::serialize(extension.at("entries")), "[4,9]");
  EXPECT_EQ(extension.at("evidence_count").as_int64(), 3);
  EXPECT_EQ(extension.at("rules").at(0).at("sha256").as_string(), base::sha256("A").hex());
}

TEST(Stix, the_extension_stays_small_however_much_evidence_there_is) {
  model::Indicator busy = indicator();
  busy.evidence.clear();
  for (std::uint64_t index = 0; index < 10'000; ++index)
    busy.evidence.push_back({.entry = {.log = "l", .index = index}, .event = {}});
  const Object object = indicator_object(busy, {});
  EXPECT_LT(object.json.size(), 4096U);
  EXPECT_EQ(parsed(object).at("extensions").at(extension_definition_id()).at("evidence_count").as_int64(), 10'000);
}

TEST(Stix, who_was_attacked_stands_nowhere_in_an_object) {
  const std::vector rules{rule("a", "A")};
  const std::string text = indicator_object(indicator(), proof(rules)).json;
  EXPECT_EQ(text.find("city-hall"), std::string::npos);
  const std::string blinded = blinded_origin("hinomi.example/evidence/city-hall", "k");
  EXPECT_TRUE(blinded.starts_with("hinomi.example/evidence/~")) << blinded;
  EXPECT_EQ(blinded, blinded_origin("hinomi.example/evidence/city-hall", "k"));
  EXPECT_NE(blinded, blinded_origin("hinomi.example/evidence/city-hall", "l")) << "another key";
  EXPECT_NE(blinded, blinded_origin("hinomi.example/evidence/hospital", "k")) << "another organisation";
  EXPECT_EQ(blinded_origin("city-hall", "k").find("city"), std::string::npos);
  EXPECT_EQ(blinded_origin("x/evidence/a/city-hall", "k").find("city"), std::string::npos);
}

TEST(Stix, a_later_version_never_takes_the_name_of_an_earlier_one) {
  const Object first = indicator_object(indicator(), {});
  const Object next = indicator_object(indicator(), {}, base::Time{first.modified.nanoseconds + 1});
  EXPECT_EQ(next.modified.nanoseconds, first.modified.nanoseconds + 1'000'000);
  EXPECT_EQ(parsed(next).at("modified").as_string(), "2026-11-21T06:00:06.000Z");
  EXPECT_EQ(first.modified.rfc3339(), "2026-11-21T06:00:05.999000000Z") << "cut, not rounded";
}

TEST(Stix, a_title_with_quotes_controls_or_bad_utf8_stays_json) {
  const std::vector rules{rule("a", "say \"hi\"\n\x01 \xff\xfe \xe7\x81\xab")};
  EXPECT_FOLLOWS_STIX(indicator_object(indicator(), proof(rules)));
}

TEST(Stix, the_fixed_markings_are_those_of_oasis) {
  EXPECT_EQ(
      marking_object(Tlp::amber).json,
      R"({"created":"2022-10-01T00:00:00.000Z","extensions":{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d":)"
      R"({"extension_type":"property-extension","tlp_2_0":"amber"}},"id":"marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",)"
      R"("name":"TLP:AMBER","spec_version":"2.1","type":"marking-definition"})");
}

TEST(Stix, our_own_ids_never_change) {
  EXPECT_EQ(extension_definition_id(), "extension-definition--ef5bcc8a-ecab-58ef-a922-0d179c461d6b");
  EXPECT_EQ(identity_id("hinomi.example"), "identity--eea1c8c7-71c6-504f-acd0-664432a723d3");
}

}  // namespace
}  // namespace hinomi::stix
