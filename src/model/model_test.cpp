#include <hinomi/base/file.hpp>
#include <hinomi/model/event.hpp>
#include <hinomi/model/finding.hpp>
#include <hinomi/model/indicator.hpp>

#include <event.pb.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

namespace hinomi::model {
namespace {

using namespace std::string_view_literals;

const SensorId kSensor = SensorId::parse("0b5f64b3-5c0e-4a8e-9d6f-3d2f4b1a7c55").value();

Event full_event() {
  Event event;
  event.kind = EventKind::process_start;
  event.id = {.sensor = kSensor, .epoch = 7, .sequence = 42};
  event.source_time = {1'700'000'000'000'000'001};
  event.observed_time = {1'700'000'000'000'000'002};
  for (const FieldRow& row : all_fields()) {
    switch (row.type) {
      case FieldType::number: event.set(row.field, 9000000000ULL + static_cast<std::uint64_t>(row.field)); break;
      case FieldType::boolean: event.set(row.field, std::uint64_t{1}); break;
      case FieldType::time: event.set(row.field, base::Time{-5}); break;
      case FieldType::text: event.set(row.field, "火の見"); break;
      case FieldType::path: event.set(row.field, "/tmp/\xff"); break;
      case FieldType::arguments: event.set(row.field, "sh\0-c\0id\0"sv); break;
      case FieldType::digest: event.set(row.field, base::sha256("x")); break;
      case FieldType::address: event.set(row.field, base::IpAddress::parse("2001:db8::1").value()); break;
      case FieldType::texts: event.set(row.field, FieldValue(std::vector<std::string>{"a", "", "c"})); break;
      case FieldType::paths: event.set(row.field, FieldValue(std::vector<std::string>{"/a", "\xfe"})); break;
    }
  }
  return event;
}

TEST(FieldCatalogue, is_ascending_with_unique_names_and_a_meaning_each) {
  std::set<std::string_view> names;
  int last = 0;
  for (const FieldRow& row : all_fields()) {
    EXPECT_GT(static_cast<int>(row.field), last);
    last = static_cast<int>(row.field);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.meaning.empty()) << row.name;
    EXPECT_EQ(field_named(row.name), row.field);
  }
}

TEST(FieldCatalogue, agrees_with_the_published_schema) {
  const auto* descriptor = hinomi::v1::Event::descriptor();
  std::set<int> in_schema;
  for (int i = 0; i < descriptor->field_count(); ++i)
    if (descriptor->field(i)->number() >= 10) in_schema.insert(descriptor->field(i)->number());
  for (const FieldRow& row : all_fields()) {
    const auto* field = descriptor->FindFieldByNumber(static_cast<int>(row.field));
    ASSERT_NE(field, nullptr) << row.name;
    EXPECT_EQ(field->name(), row.name);
    EXPECT_EQ(field->is_repeated(), row.type == FieldType::texts || row.type == FieldType::paths) << row.name;
    using google::protobuf::FieldDescriptor;
    FieldDescriptor::Type expected = FieldDescriptor::TYPE_BYTES;
    if (row.type == FieldType::number) expected = FieldDescriptor::TYPE_UINT64;
    if (row.type == FieldType::boolean) expected = FieldDescriptor::TYPE_BOOL;
    if (row.type == FieldType::time) expected = FieldDescriptor::TYPE_SFIXED64;
    if (row.type == FieldType::text || row.type == FieldType::texts) expected = FieldDescriptor::TYPE_STRING;
    EXPECT_EQ(field->type(), expected) << row.name;
    in_schema.erase(static_cast<int>(row.field));
  }
  EXPECT_TRUE(in_schema.empty()) << "a field in the schema that the catalogue does not know";
}

std::string_view name_of(FieldType type) {
  switch (type) {
    case FieldType::number: return "number";
    case FieldType::boolean: return "boolean";
    case FieldType::time: return "time";
    case FieldType::text: return "text";
    case FieldType::path: return "path";
    case FieldType::arguments: return "arguments";
    case FieldType::digest: return "digest";
    case FieldType::address: return "address";
    case FieldType::texts: return "list of texts";
    case FieldType::paths: return "list of paths";
  }
  return "";
}

std::string events_page() {
  std::string out =
      "# Events and their fields\n\nGenerated from the field catalogue (`src/model/field.cpp`); a test compares it. "
      "Numbers are those of\n"
      "`schema/hinomi/v1/event.proto`. *Personal* fields may name or describe a person or a victim; *technical* ones "
      "do not.\n";
  const auto cell = [](std::string_view text) {
    return text.empty() ? std::string("–") : "`" + std::string(text) + "`";
  };
  for (const KindRow& kind : all_kinds()) {
    out += "\n## " + std::string(kind.name) + "\n\n" + std::string(kind.meaning) + ". Number " +
           std::to_string(static_cast<int>(kind.kind)) + ", Sigma category " + cell(kind.sigma_category) +
           ", OCSF class " + (kind.ocsf_class == 0 ? "–" : std::to_string(kind.ocsf_class)) +
           ".\n\n| no. | field | type | privacy | Sigma | OCSF | meaning |\n|---|---|---|---|---|---|---|\n";
    for (const Field field : kind.fields) {
      const FieldRow& row = row_of(field);
      out += "| " + std::to_string(static_cast<int>(field)) + " | `" + std::string(row.name) + "` | " +
             std::string(name_of(row.type)) + " | " + (row.privacy == Privacy::personal ? "personal" : "technical") +
             " | " + cell(row.sigma) + " | " + cell(row.ocsf) + " | " + std::string(row.meaning) + " |\n";
    }
  }
  return out;
}

TEST(FieldCatalogue, is_what_the_generated_page_shows) {
  const base::fs::path path = HINOMI_SOURCE_DIR "/docs/events.md";
  if (std::getenv("HINOMI_UPDATE_DOCS") != nullptr) {
    ASSERT_TRUE(base::write_file(path, events_page()).has_value());
  }
  EXPECT_EQ(base::read_file(path).value(), events_page()) << "HINOMI_UPDATE_DOCS=1 writes docs/events.md anew";
}

TEST(Event, protoc_reads_what_we_write_and_we_read_what_protoc_writes) {
  const Event event = full_event();
  hinomi::v1::EventList list;
  ASSERT_TRUE(list.ParseFromString(encode_events({event, event})));
  ASSERT_EQ(list.events_size(), 2);
  EXPECT_EQ(list.events(0).process_executable(), "/tmp/\xff");
  EXPECT_EQ(list.events(0).process_start_time(), -5);
  EXPECT_EQ(list.events(1).ancestor_guids_size(), 3);
  const auto again = decode_events(list.SerializeAsString(), kSensor, 7);
  ASSERT_TRUE(again.has_value()) << again.error().what;
  EXPECT_EQ(again->at(1), event);
}

TEST(Event, refuses_wrong_wire_types_lengths_and_text_that_is_not_utf8) {
  const auto decode = [](const hinomi::v1::Event& event) {
    return decode_event(event.SerializeAsString(), kSensor, 1);
  };
  hinomi::v1::Event event;
  event.set_kind(1);
  event.set_sequence(1);
  EXPECT_TRUE(decode(event).has_value());
  event.set_process_sha256("short");
  EXPECT_NE(decode(event).error().what.find("process_sha256"), std::string::npos);
  event.clear_process_sha256();
  event.set_kind(250);
  EXPECT_EQ(decode(event).error().code, base::Errc::unsupported);
  event.set_kind(1);
  event.set_sequence(0);
  EXPECT_EQ(decode(event).error().code, base::Errc::malformed);
  EXPECT_EQ(decode_event("\x08\x01\x10\x01\x52\x02\xff\xfe"sv, kSensor, 1).error().code, base::Errc::malformed)
      << "not UTF-8";
  EXPECT_EQ(decode_event("\x08\x01\x10\x01\x58"sv, kSensor, 1).error().code, base::Errc::malformed) << "cut";
  EXPECT_EQ(decode_event("\x08\x01\x10\x01\x78"sv, kSensor, 1).error().code, base::Errc::malformed) << "cut boolean";
  EXPECT_EQ(decode_event(std::string(300 << 10, 'x'), kSensor, 1).error().code, base::Errc::too_large);
  EXPECT_TRUE(decode_event("\x08\x01\x10\x01\xf8\x3f\x05"sv, kSensor, 1).has_value()) << "an unknown number is skipped";
}

TEST(Event, fields_are_set_replaced_removed_and_read_by_type) {
  Event event;
  event.set(Field::process_id, std::uint64_t{5}).set(Field::process_guid, "g").set(Field::process_id, std::uint64_t{6});
  EXPECT_EQ(event.number(Field::process_id), 6U);
  EXPECT_EQ(event.fields.front().first, Field::process_guid);
  event.remove(Field::process_guid);
  EXPECT_FALSE(event.has(Field::process_guid));
  EXPECT_EQ(event.bytes(Field::process_guid), "");
  EXPECT_DEATH(event.set(Field::process_id, "text"), "broken invariant");
}

TEST(Event, command_line_has_spaces_where_the_kernel_has_nul) {
  EXPECT_EQ(command_line_of("sh\0-c\0echo hi\0"sv), "sh -c echo hi");
  EXPECT_EQ(command_line_of(""), "");
  EXPECT_EQ(text_of(Field::process_arguments, std::string("a\0b\xff\0"sv)), "a b\xEF\xBF\xBD");
}

TEST(EventId, text_round_trips_and_refuses_other_forms) {
  const EventId id{.sensor = kSensor, .epoch = 0xabc, .sequence = 12};
  EXPECT_EQ(id.text(), "0b5f64b3-5c0e-4a8e-9d6f-3d2f4b1a7c55.0000000000000abc.12");
  EXPECT_EQ(EventId::parse(id.text()).value(), id);
  for (const char* bad : {"", "0b5f64b3-5c0e-4a8e-9d6f-3d2f4b1a7c55.0000000000000abc.012",
                          "0b5f64b3-5c0e-4a8e-9d6f-3d2f4b1a7c55.0000000000000abc.", "x"})
    EXPECT_FALSE(EventId::parse(bad).has_value()) << bad;
}

TEST(Names, are_short_lower_case_and_say_what_they_expect) {
  EXPECT_TRUE(OrganisationId::parse("city-hall").has_value());
  for (const char* bad :
       {"", "-a", "a-", "A", "a_b", "a/b", "..", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})
    EXPECT_FALSE(OrganisationId::parse(bad).has_value()) << bad;
  EXPECT_NE(SystemId::parse("!").error().what.find("a system"), std::string::npos);
}

TEST(EventJson, escapes_what_an_attacker_chose) {
  Event event = full_event();
  event.set(Field::process_arguments, "x\0\x1b]0;owned\a\xe2\x80\xae\0"sv);
  const std::string json = to_json({.event = event, .provenance = {}});
  EXPECT_EQ(json.find('\x1b'), std::string::npos);
  EXPECT_EQ(json.find("\xe2\x80\xae"), std::string::npos);
  EXPECT_NE(json.find("\\\\u{202e}"), std::string::npos) << json;
}

TEST(Finding, json_round_trips_byte_for_byte) {
  Finding finding;
  finding.rule = {.id = "r",
                  .digest = base::sha256("rule"),
                  .title = "題",
                  .author = "a",
                  .level = Level::high,
                  .tags = {"attack.t1059"}};
  finding.engine = "1";
  finding.organisation = OrganisationId::parse("city-hall").value();
  finding.system = SystemId::parse("staff-pcs").value();
  finding.source_time = {5};
  finding.received_time = {6};
  finding.ancestry = {{.guid = "g", .executable = "/bin/sh"}};
  finding.matched = {{.field = "Image", .value = "/dev/shm/x"}};
  finding.evidence = {{.entry = {.log = "l", .index = 3}, .event = {.sensor = kSensor, .epoch = 1, .sequence = 2}}};
  finding.id = make_finding_id(finding.rule, finding.evidence);
  const Finding again = finding_from_json(to_json(finding)).value();
  EXPECT_EQ(again, finding);
  EXPECT_EQ(to_json(again), to_json(finding));
  finding.evidence[0].entry.index = 4;
  EXPECT_NE(make_finding_id(finding.rule, finding.evidence), again.id);
  EXPECT_FALSE(finding_from_json("{}").has_value());
  EXPECT_FALSE(finding_from_json("[1").has_value());
}

TEST(Indicator, json_round_trips_and_its_id_is_its_content) {
  Indicator indicator;
  indicator.type = IndicatorType::ipv4;
  indicator.value = "192.0.2.1";
  indicator.pattern = make_pattern(indicator.type, indicator.value);
  EXPECT_EQ(indicator.pattern, "[ipv4-addr:value = '192.0.2.1']");
  EXPECT_EQ(make_pattern(IndicatorType::domain, "a'b\\"), "[domain-name:value = 'a\\'b\\\\']");
  indicator.organisation = OrganisationId::parse("city-hall").value();
  indicator.id = make_indicator_id("hinomi.local", "secret", indicator.type, indicator.value);
  indicator.published_by = EntryRef{.log = "l", .index = 9};
  indicator.published = base::Time{7};
  indicator.findings = {FindingId{indicator.id.uuid}};
  EXPECT_EQ(indicator_from_json(to_json(indicator)).value(), indicator);
  EXPECT_NE(make_indicator_id("other", "secret", indicator.type, indicator.value), indicator.id);
  EXPECT_NE(make_indicator_id("hinomi.local", "another log", indicator.type, indicator.value), indicator.id);
}

}  // namespace
}  // namespace hinomi::model
