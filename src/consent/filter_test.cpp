#include <hinomi/consent/filter.hpp>

#include <gtest/gtest.h>

namespace hinomi::consent {
namespace {

using enum model::Field;
using model::Event;
using model::EventKind;

std::shared_ptr<const Manifest> manifest_with(const std::string& rest) {
  auto manifest = Manifest::parse(
      "manifest: 1\nversion: 1\norganisation: city-hall\nvalid_from: 2026-01-01T00:00:00Z\n"
      "valid_until: 2027-01-01T00:00:00Z\nevents:\n"
      "  loss: {loss_of: keep, loss_count: keep, loss_is_exact: keep}\n"
      "  sensor_start: {sensor_version: keep, sensor_manifest: keep}\n"
      "  sensor_stop: {sensor_version: keep}\n" +
      rest);
  EXPECT_TRUE(manifest) << manifest.error().what;
  return std::make_shared<const Manifest>(std::move(*manifest));
}

const std::string kStart =
    "  process_start: {process_guid: keep, process_executable: keep, process_arguments: keep, "
    "process_arguments_length: keep, process_arguments_truncated: keep, parent_guid: keep, parent_executable: keep, "
    "parent_arguments: keep, ancestor_guids: keep, ancestor_executables: keep}\n"
    "  process_exit: {process_guid: keep}\n  process_fork: {process_guid: keep}\n  network_connect: {process_guid: "
    "keep}\n";

Filter filter_with(const std::string& rest) { return {manifest_with(rest), base::Bytes(32, 'k')}; }

Event process(std::string_view guid, std::string_view executable, std::string_view arguments = "") {
  Event event{.kind = EventKind::process_start};
  event.set(process_guid, guid).set(process_executable, executable);
  if (!arguments.empty()) event.set(process_arguments, arguments);
  return event;
}

std::string redacted(const std::string& pattern, std::string arguments) {
  const auto manifest = manifest_with("redact:\n  - '" + pattern + "'\n");
  redact_arguments(*manifest, arguments);
  return arguments;
}

using namespace std::string_literals;

TEST(Filter, drops_every_field_that_is_not_listed) {
  Filter filter = filter_with("  process_start: {process_guid: keep}\n");
  Event event = process("g1", "/bin/secret-name", "a\0b\0"s);
  event.set(process_user_name, "alice");
  ASSERT_TRUE(filter.filter(event));
  ASSERT_EQ(event.fields.size(), 1u);
  EXPECT_EQ(event.bytes(process_guid), "g1");
}

TEST(Filter, has_no_way_for_any_field_under_a_manifest_that_lists_none) {
  Filter filter = filter_with("  process_start: {}\n  network_connect: {}\n  process_exit: {}\n");
  for (const model::KindRow& row : model::all_kinds()) {
    if (row.kind == EventKind::loss || row.sigma_category.empty()) continue;
    Event event{.kind = row.kind};
    for (const model::Field field : row.fields) {
      switch (model::row_of(field).type) {
        case model::FieldType::number:
        case model::FieldType::boolean:
        case model::FieldType::time: event.set(field, std::uint64_t{1}); break;
        case model::FieldType::texts:
        case model::FieldType::paths: event.set(field, model::FieldValue(std::vector<std::string>{"x"})); break;
        case model::FieldType::digest: event.set(field, base::sha256("x")); break;
        default: event.set(field, "xxxx");
      }
    }
    if (filter.filter(event)) {
      EXPECT_TRUE(event.fields.empty()) << row.name;
    }
  }
}

TEST(Filter, holds_back_kinds_that_are_only_counted) {
  Filter filter = filter_with("  process_fork: count\n");
  Event fork{.kind = EventKind::process_fork};
  EXPECT_FALSE(filter.filter(fork));
  Event unlisted{.kind = EventKind::network_accept};
  EXPECT_FALSE(filter.filter(unlisted));
}

TEST(Filter, cuts_texts_at_a_character_and_marks_cut_arguments) {
  Filter filter = filter_with(
      "  process_start: {process_arguments: {truncate: 4}, process_arguments_truncated: keep, process_user_name: "
      "{truncate: 4}}\n");
  Event event = process("g", "/bin/x", "abcdef\0"s);
  event.set(process_user_name, "日本");
  ASSERT_TRUE(filter.filter(event));
  EXPECT_EQ(event.bytes(process_arguments), "abcd");
  EXPECT_EQ(event.number(process_arguments_truncated), 1u);
  EXPECT_EQ(event.bytes(process_user_name), "日");
}

TEST(Filter, hashes_with_the_owners_key_so_that_equal_stays_equal) {
  const auto manifest = manifest_with("  process_start: {process_user_name: hash, process_user_id: hash}\n");
  Filter one(manifest, base::Bytes(32, 'a'));
  Filter other(manifest, base::Bytes(32, 'b'));
  const auto name = [](Filter& filter, const char* user) {
    Event event = process("g", "/bin/x");
    event.set(process_user_name, user).set(process_user_id, user);
    EXPECT_TRUE(filter.filter(event));
    EXPECT_NE(event.bytes(process_user_name), event.bytes(process_user_id)) << "the field's name is part of it";
    return std::string(event.bytes(process_user_name));
  };
  EXPECT_EQ(name(one, "alice"), name(one, "alice"));
  EXPECT_NE(name(one, "alice"), name(one, "bob"));
  EXPECT_NE(name(one, "alice"), name(other, "alice"));
  EXPECT_EQ(name(one, "alice").size(), std::string("hmac-sha256:").size() + 64);
}

TEST(Redaction, overwrites_the_group_and_keeps_the_number_of_arguments) {
  EXPECT_EQ(redacted("--password[= ](\\S+)", "curl\0--password\0hunter2\0-v\0"s), "curl\0--password\0***\0-v\0"s);
  EXPECT_EQ(redacted("--password[= ](\\S+)", "curl\0--password=hunter2\0-v\0"s), "curl\0--password=***\0-v\0"s);
}

TEST(Redaction, without_groups_overwrites_the_whole_match_argument_by_argument) {
  EXPECT_EQ(redacted("-p \\S+", "x\0-p\0secret\0y\0"s), "x\0***\0***\0y\0"s);
}

TEST(Redaction, does_not_tell_the_length_of_the_secret) {
  EXPECT_EQ(redacted("pw=(\\S+)", "pw=a\0"s), redacted("pw=(\\S+)", "pw=aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0"s));
  Filter filter = filter_with(kStart + "redact: ['pw=(\\S+)']\n");
  Event event = process("g", "/bin/x", "pw=hunter2\0"s);
  event.set(process_arguments_length, std::uint64_t{11});
  ASSERT_TRUE(filter.filter(event));
  EXPECT_FALSE(event.has(process_arguments_length));
}

TEST(Redaction, finds_every_match_and_joins_overlapping_ones) {
  EXPECT_EQ(redacted("k=(\\w+)", "k=one k=two\0k=three\0"s), "k=*** k=***\0k=***\0"s);
  const auto manifest = manifest_with("redact: ['abcd', 'cdef']\n");
  std::string arguments = "xabcdefx\0"s;
  EXPECT_TRUE(redact_arguments(*manifest, arguments));
  EXPECT_EQ(arguments, "x***x\0"s);
}

TEST(Redaction, is_not_ended_by_a_byte_that_is_not_utf8) {
  EXPECT_EQ(redacted("pw=(\\S+)", "pw=hun\xff\xfeter2 z\0"s), "pw=*** z\0"s);
}

TEST(Redaction, leaves_what_does_not_match_as_it_was) {
  std::string arguments = "ls\0-l\0"s;
  EXPECT_FALSE(redact_arguments(*manifest_with("redact: ['pw=(\\S+)']\n"), arguments));
  EXPECT_EQ(arguments, "ls\0-l\0"s);
}

TEST(Redaction, reaches_the_parents_arguments) {
  Filter filter = filter_with(kStart + "redact: ['pw=(\\S+)']\n");
  Event event = process("g", "/bin/x");
  event.set(parent_arguments, "sh\0pw=hunter2\0"s);
  ASSERT_TRUE(filter.filter(event));
  EXPECT_EQ(event.bytes(parent_arguments), "sh\0pw=***\0"s);
}

TEST(Redaction, comes_before_truncation) {
  Filter filter = filter_with("  process_start: {process_arguments: {truncate: 8}}\nredact: ['pw=(\\S+)']\n");
  Event event = process("g", "/bin/x", "pw=hunter2hunter2\0"s);
  ASSERT_TRUE(filter.filter(event));
  EXPECT_EQ(event.bytes(process_arguments), "pw=***\0"s);
}

TEST(Exclusion, withholds_a_program_with_its_forks_connections_and_end) {
  Filter filter = filter_with(kStart + "exclude: {programs: [/opt/clinic/**]}\n");
  Event start = process("g1", "/opt/clinic/bin/viewer");
  EXPECT_FALSE(filter.filter(start));
  for (const EventKind kind : {EventKind::process_fork, EventKind::network_connect, EventKind::process_exit}) {
    Event event{.kind = kind};
    event.set(process_guid, "g1");
    EXPECT_FALSE(filter.filter(event)) << model::row_of(kind).name;
  }
  Event other = process("g2", "/opt/other");
  EXPECT_TRUE(filter.filter(other));
}

TEST(Exclusion, does_not_name_an_excluded_program_as_parent_or_ancestor) {
  Filter filter = filter_with(kStart + "exclude: {programs: [/opt/clinic/**]}\n");
  Event start = process("g1", "/opt/clinic/bin/viewer");
  filter.filter(start);
  Event child = process("g2", "/bin/sh");
  child.set(parent_guid, "g1").set(parent_executable, "/opt/clinic/bin/viewer").set(parent_arguments, "patient 7\0"s);
  child.set(ancestor_guids, model::FieldValue(std::vector<std::string>{"g1", "g0"}));
  child.set(ancestor_executables, model::FieldValue(std::vector<std::string>{"/opt/clinic/bin/viewer", "/sbin/init"}));
  ASSERT_TRUE(filter.filter(child));
  EXPECT_FALSE(child.has(parent_executable));
  EXPECT_FALSE(child.has(parent_arguments));
  EXPECT_EQ(child.list(ancestor_executables), (std::vector<std::string>{"", "/sbin/init"}));
}

TEST(Exclusion, ends_when_the_process_becomes_another_program) {
  Filter filter = filter_with(kStart + "exclude: {programs: [/opt/clinic/**]}\n");
  Event start = process("g1", "/opt/clinic/bin/viewer");
  EXPECT_FALSE(filter.filter(start));
  Event next = process("g1", "/bin/sh");
  EXPECT_TRUE(filter.filter(next));
  Event end{.kind = EventKind::process_exit};
  end.set(process_guid, "g1");
  EXPECT_TRUE(filter.filter(end));
}

TEST(Exclusion, covers_paths_and_users) {
  Filter filter = filter_with(kStart + "exclude: {paths: [/home/*/private/], users: ['1000', alice]}\n");
  Event working = process("g1", "/bin/ls");
  working.set(process_working_directory, "/home/bob/private/letters");
  EXPECT_FALSE(filter.filter(working));
  Event script = process("g2", "/bin/sh");
  script.set(process_script, "/home/bob/private/run.sh");
  EXPECT_FALSE(filter.filter(script));
  Event by_id = process("g3", "/bin/ls");
  by_id.set(process_user_id, "1000");
  EXPECT_FALSE(filter.filter(by_id));
  Event by_name = process("g4", "/bin/ls");
  by_name.set(process_user_name, "alice");
  EXPECT_FALSE(filter.filter(by_name));
  Event public_path = process("g5", "/bin/ls");
  public_path.set(process_working_directory, "/home/bob/public").set(process_user_id, "10001");
  EXPECT_TRUE(filter.filter(public_path));
}

}  // namespace
}  // namespace hinomi::consent
