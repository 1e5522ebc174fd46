#include <hinomi/detect/detector.hpp>
#include <hinomi/detect/inside/automaton.hpp>
#include <hinomi/detect/inside/oracle.hpp>
#include <hinomi/detect/rule_folder.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace hinomi::detect {
namespace {

using namespace std::string_view_literals;
using model::Event;
using model::EventKind;
using model::Field;

const auto kSensor = model::SensorId::parse("0b5f64b3-5c0e-4a8e-9d6f-3d2f4b1a7c55").value();

std::string rule_text(std::string_view detection, std::string_view category = "process_creation") {
  return fmt::format(
      "title: A rule\nid: 6f9a1f5e-0f0c-4f0e-8a57-0c1f0d9d2a11\nlevel: high\nlogsource:\n  product: linux\n"
      "  category: {}\ndetection:\n{}\n",
      category, detection);
}

RuleSet load(std::string_view detection, std::string_view category = "process_creation") {
  return load_rules({{.name = "rule.yml", .bytes = rule_text(detection, category)}});
}

Event process(std::string_view executable, std::string_view arguments) {
  Event event;
  event.id = {.sensor = kSensor, .epoch = 1, .sequence = 1};
  event.set(Field::process_executable, executable);
  event.set(Field::process_arguments, arguments);
  return event;
}

// Whether a rule with this detection holds, by the plan; the oracle must agree.
bool holds(std::string_view detection, const Event& event, std::string_view category = "process_creation") {
  RuleSet set = load(detection, category);
  EXPECT_EQ(set.rules.size(), 1U) << (set.errors.empty() ? "" : set.errors.front().text());
  if (set.rules.empty()) return false;
  const bool expected = inside::oracle::holds(set.rules.front(), event);
  Matcher matcher(compile(std::move(set)));
  std::vector<Match> matches;
  for (int round = 0; round < 2; ++round) {  // the second time from the memo
    matcher.match(event, matches);
    EXPECT_EQ(!matches.empty(), expected) << detection << " in round " << round;
  }
  return !matches.empty();
}

bool field_holds(std::string_view item, const Event& event, std::string_view category = "process_creation") {
  return holds(fmt::format("  selection:\n    {}\n  condition: selection", item), event, category);
}

std::string error_of(std::string_view detection) {
  const RuleSet set = load(detection);
  EXPECT_TRUE(set.rules.empty()) << detection;
  return set.errors.empty() ? "" : set.errors.front().text();
}

TEST(SigmaValues, match_as_a_whole_and_in_either_case_unless_cased) {
  const Event event = process("/usr/bin/Bash", "bash\0-c\0ID\0"sv);
  EXPECT_TRUE(field_holds("Image: /USR/bin/bash", event));
  EXPECT_FALSE(field_holds("Image: /usr/bin/bas", event));
  EXPECT_FALSE(field_holds("Image|cased: /usr/bin/bash", event));
  EXPECT_TRUE(field_holds("Image|cased: /usr/bin/Bash", event));
  EXPECT_TRUE(field_holds("Image|endswith|cased: /Bash", event));
  EXPECT_FALSE(field_holds("Image|endswith|cased: /bash", event));
  EXPECT_TRUE(field_holds("CommandLine: bash -c id", event));
  EXPECT_FALSE(field_holds("CommandLine: 'bash -c id '", event));
}

TEST(SigmaValues, fold_letters_beyond_ascii_but_normalise_nothing) {
  EXPECT_TRUE(field_holds("CommandLine|contains: ПАРОЛЬ", process("/x", "cat пароль.txt")));
  EXPECT_TRUE(field_holds("CommandLine: \"\u212a\"", process("/x", "k")));            // KELVIN SIGN folds to k
  EXPECT_FALSE(field_holds("CommandLine: \"e\u0301\"", process("/x", "\u00e9")));     // not composed
  EXPECT_TRUE(field_holds("CommandLine|startswith: ＡＢ", process("/x", "ａｂｃ")));  // full width
  EXPECT_EQ(fold("ÀÉß\u1e9eΣς"), "àéßßσσ");
}

TEST(SigmaValues, take_wildcards_and_escapes_from_left_to_right) {
  EXPECT_TRUE(field_holds("CommandLine: a*c", process("/x", "abbc")));
  EXPECT_FALSE(field_holds("CommandLine: a?c", process("/x", "abbc")));
  EXPECT_TRUE(field_holds("CommandLine: a?c", process("/x", "a火c")));
  EXPECT_TRUE(field_holds(R"(CommandLine: 'a\*c')", process("/x", "a*c")));
  EXPECT_FALSE(field_holds(R"(CommandLine: 'a\*c')", process("/x", "abc")));
  EXPECT_TRUE(field_holds(R"(CommandLine: 'a\\*')", process("/x", "a\\bc")));     // backslash, then a wildcard
  EXPECT_TRUE(field_holds(R"(CommandLine: 'a\\\*c')", process("/x", "a\\*c")));   // backslash, then a star
  EXPECT_TRUE(field_holds(R"(CommandLine: 'a\\\\c')", process("/x", "a\\\\c")));  // two backslashes
  EXPECT_TRUE(field_holds(R"(CommandLine: 'a\b')", process("/x", "a\\b")));
  EXPECT_TRUE(field_holds(R"(CommandLine: 'a\')", process("/x", "a\\")));
  EXPECT_TRUE(field_holds("CommandLine: '*'", process("/x", "")));
  EXPECT_FALSE(field_holds("CommandLine|contains: '?'", process("/x", "")));
  EXPECT_TRUE(field_holds("CommandLine|contains: 'x*y?z'", process("/x", "..x..y.z..")));
}

TEST(SigmaValues, tell_absent_from_empty) {
  const Event empty = process("/x", "");
  Event absent = empty;
  absent.remove(Field::process_arguments);
  EXPECT_TRUE(field_holds("CommandLine: ''", empty));
  EXPECT_FALSE(field_holds("CommandLine: ''", absent));
  EXPECT_FALSE(field_holds("CommandLine: null", empty));
  EXPECT_TRUE(field_holds("CommandLine: null", absent));
  EXPECT_TRUE(field_holds("CommandLine|exists: true", empty));
  EXPECT_TRUE(field_holds("CommandLine|exists: false", absent));
  EXPECT_TRUE(field_holds("OriginalFileName: null", empty));  // a field that the catalogue does not know
  EXPECT_FALSE(field_holds("OriginalFileName: '*'", empty));
  EXPECT_TRUE(field_holds("CommandLine|neq: x", absent));
}

TEST(SigmaValues, match_numbers_as_text_and_compare_them_as_numbers) {
  Event event;
  event.kind = EventKind::network_connect;
  event.set(Field::destination_port, std::uint64_t{4444});
  event.set(Field::network_initiated, std::uint64_t{1});
  EXPECT_TRUE(field_holds("DestinationPort: 4444", event, "network_connection"));
  EXPECT_TRUE(field_holds("DestinationPort: '4444'", event, "network_connection"));
  EXPECT_TRUE(field_holds("DestinationPort|gt: 1024", event, "network_connection"));
  EXPECT_FALSE(field_holds("DestinationPort|lte: 4443.5", event, "network_connection"));
  EXPECT_TRUE(field_holds("Initiated: true", event, "network_connection"));
  EXPECT_TRUE(field_holds("Initiated: 'TRUE'", event, "network_connection"));
  EXPECT_FALSE(field_holds("Initiated: false", event, "network_connection"));
  EXPECT_FALSE(field_holds("DestinationPort: 4444", event, "process_creation"));
}

TEST(SigmaValues, match_networks_of_both_families) {
  Event event;
  event.kind = EventKind::network_connect;
  event.set(Field::destination_address, base::IpAddress::parse("10.1.2.3").value());
  EXPECT_TRUE(field_holds("DestinationIp|cidr: [192.168.0.0/16, 10.0.0.0/8]", event, "network_connection"));
  EXPECT_FALSE(field_holds("DestinationIp|cidr: 10.1.2.4/32", event, "network_connection"));
  EXPECT_TRUE(field_holds("DestinationIp|startswith: '10.1.'", event, "network_connection"));
  event.set(Field::destination_address, base::IpAddress::parse("2001:db8::1").value());
  EXPECT_TRUE(field_holds("DestinationIp|cidr: 2001:db8::/32", event, "network_connection"));
  EXPECT_FALSE(field_holds("DestinationIp|cidr: 0.0.0.0/0", event, "network_connection"));
}

TEST(SigmaModifiers, all_asks_for_every_value) {
  const Event event = process("/usr/bin/curl", "curl -s http://x | sh");
  EXPECT_TRUE(field_holds("CommandLine|contains|all: [curl, sh]", event));
  EXPECT_FALSE(field_holds("CommandLine|contains|all: [curl, wget]", event));
  EXPECT_TRUE(holds("  keywords:\n    '|all': [curl, /usr/bin]\n  condition: keywords", event));
}

TEST(SigmaModifiers, re_searches_and_takes_flags) {
  const Event event = process("/usr/bin/curl", "curl HTTP://Evil");
  EXPECT_TRUE(field_holds(R"(CommandLine|re: 'HTTPS?://')", event));
  EXPECT_FALSE(field_holds(R"(CommandLine|re: 'https?://')", event));
  EXPECT_TRUE(field_holds(R"(CommandLine|re|i: 'https?://evil$')", event));
  EXPECT_TRUE(field_holds(R"(CommandLine|re: '^.{10,}$')", event));  // no literal to look for
  EXPECT_TRUE(field_holds("CommandLine|re|s: 'a.b'", process("/x", "a\nb")));
  EXPECT_FALSE(field_holds("CommandLine|re: 'a.b'", process("/x", "a\nb")));
}

TEST(SigmaModifiers, windash_takes_every_spelling_of_a_dash) {
  for (const std::string_view dash : {"-", "/", "\u2013", "\u2014", "\u2015"})
    EXPECT_TRUE(field_holds("CommandLine|contains|windash: ' -f '", process("/x", fmt::format("cmd {}f x", dash))));
  EXPECT_FALSE(field_holds("CommandLine|contains|windash: ' -f '", process("/x", "cmd +f x")));
  EXPECT_FALSE(field_holds("CommandLine|windash: 'a-b'", process("/x", "a/b")));  // not at the start of a word
}

TEST(SigmaModifiers, base64_and_wide_encode_the_value) {
  EXPECT_TRUE(field_holds("CommandLine|base64: foobar", process("/x", "Zm9vYmFy")));
  const auto encoded = [](std::string_view text) { return "echo " + base::to_base64(text); };
  for (const std::string_view before : {"", "x", "xy"})
    EXPECT_TRUE(field_holds("CommandLine|base64offset|contains: /bin/bash",
                            process("/x", encoded(fmt::format("{}/bin/bash -i", before)))));
  EXPECT_TRUE(field_holds("CommandLine|wide|base64offset|contains: ping", process("/x", encoded("p\0i\0n\0g\0"sv))));
}

TEST(SigmaModifiers, fieldref_compares_two_fields) {
  Event event = process("/bin/sh", "sh");
  event.set(Field::parent_executable, "/BIN/sh");
  EXPECT_TRUE(field_holds("Image|fieldref: ParentImage", event));
  EXPECT_FALSE(field_holds("Image|fieldref|cased: ParentImage", event));
  EXPECT_TRUE(field_holds("Image|fieldref|endswith: CommandLine", event));
  event.remove(Field::parent_executable);
  EXPECT_FALSE(field_holds("Image|fieldref: ParentImage", event));
}

TEST(SigmaSelections, join_maps_by_and_and_lists_by_or) {
  const Event event = process("/usr/bin/nc", "nc -e /bin/sh");
  EXPECT_TRUE(holds("  s:\n    Image|endswith: [/ncat, /nc]\n    CommandLine|contains: ' -e '\n  condition: s", event));
  EXPECT_FALSE(holds("  s:\n    Image|endswith: /ncat\n    CommandLine|contains: ' -e '\n  condition: s", event));
  EXPECT_TRUE(holds("  s:\n    - Image|endswith: /ncat\n    - CommandLine|contains: ' -e '\n  condition: s", event));
  EXPECT_TRUE(holds("  k: ['/bin/s?', nowhere]\n  condition: k", event));
  EXPECT_FALSE(holds("  k: [nowhere]\n  condition: k", event));
}

TEST(SigmaSelections, a_list_matches_if_one_item_does) {
  Event event = process("/x", "x");
  event.set(Field::ancestor_executables, model::FieldValue(std::vector<std::string>{"/usr/sbin/sshd", "/sbin/init"}));
  EXPECT_TRUE(field_holds("ancestor_executables|endswith: /init", event));
  EXPECT_TRUE(field_holds("ancestor_executables|endswith: /sshd", event));
  EXPECT_FALSE(field_holds("ancestor_executables|endswith: /nginx", event));
}

TEST(SigmaSelections, hashes_carry_their_algorithm) {
  Event event = process("/x", "x");
  event.set(Field::process_sha256, base::sha256("x"));
  EXPECT_TRUE(field_holds("Hashes|contains: 'SHA256=" + base::sha256("x").hex() + "'", event));
  EXPECT_TRUE(field_holds("sha256: " + base::sha256("x").hex(), event));
}

TEST(SigmaCondition, binds_not_before_and_before_or) {
  const std::string parts =
      "  a:\n    Image: /a\n  b:\n    CommandLine: b\n  sel_c:\n    Image: /a\n  _d:\n    Image: /zzz\n";
  const Event a = process("/a", "x");
  const Event ab = process("/a", "b");
  const Event b = process("/z", "b");
  EXPECT_TRUE(holds(parts + "  condition: a or b and not a", a));
  EXPECT_FALSE(holds(parts + "  condition: (a or b) and not a", a));
  EXPECT_TRUE(holds(parts + "  condition: (a or b) and not a", b));
  EXPECT_TRUE(holds(parts + "  condition: not not a", a));
  EXPECT_TRUE(holds(parts + "  condition: all of them", ab));  // names with _ in front are left out
  EXPECT_FALSE(holds(parts + "  condition: all of them", a));
  EXPECT_TRUE(holds(parts + "  condition: 1 of sel*", a));
  EXPECT_FALSE(holds(parts + "  condition: 1 of sel*", b));
  EXPECT_TRUE(holds(parts + "  condition: not 1 of sel*", b));
  EXPECT_TRUE(holds(parts + "  condition: [sel_c and b, b]", b));
  EXPECT_TRUE(holds(parts + "  condition: not (a and b)", a));
}

TEST(RuleLoading, names_file_line_and_reason_and_loads_the_others) {
  const RuleSet set =
      load_rules({{.name = "good.yml", .bytes = rule_text("  s:\n    Image: /x\n  condition: s")},
                  {.name = "bad.yml", .bytes = "title: [\n"},
                  {.name = "worse.yml", .bytes = rule_text("  s:\n    Image|blah: /x\n  condition: s")}});
  ASSERT_EQ(set.rules.size(), 1U);
  ASSERT_EQ(set.errors.size(), 2U);
  EXPECT_EQ(set.errors[0].file, "bad.yml");
  EXPECT_GT(set.errors[0].line, 0);
  EXPECT_EQ(set.errors[1].text(), "worse.yml:9: modifier 'blah' is not known");
}

TEST(RuleLoading, refuses_what_it_would_have_to_guess) {
  const auto item = [](std::string_view text) { return error_of(fmt::format("  s:\n    {}\n  condition: s", text)); };
  EXPECT_NE(item("Image|expand: '%x%'").find("placeholder"), std::string::npos);
  EXPECT_NE(item("Image|contains|re: x").find("cannot follow"), std::string::npos);
  EXPECT_NE(item("Image|cidr|contains: 10.0.0.0/8").find("cannot follow"), std::string::npos);
  EXPECT_NE(item("Image|cidr: 10.0.0.0/99").find("network"), std::string::npos);
  EXPECT_NE(item("Image|base64: 'a*'").find("wildcards"), std::string::npos);
  EXPECT_NE(item("Image|re: '(?=x)'").find("regular expression"), std::string::npos);
  EXPECT_NE(item("Image|gt: many").find("number"), std::string::npos);
  EXPECT_NE(item("Image|exists: maybe").find("true or false"), std::string::npos);
  EXPECT_NE(item("Image: [a, null]").find("null"), std::string::npos);
  EXPECT_NE(item("Image|contains: null").find("null"), std::string::npos);
  EXPECT_NE(item("Image: []").find("without values"), std::string::npos);
  EXPECT_NE(item("Image|i: x").find("belongs to 're'"), std::string::npos);
  const auto condition = [](std::string_view text) {
    return error_of(fmt::format("  s:\n    Image: /x\n  condition: {}", text));
  };
  for (const std::string_view bad :
       {"t", "1 of t*", "2 of s", "s and", "(s", "s s", "s | count() > 5", "not", "s or or s", "''", "1 of", "s %"})
    EXPECT_NE(condition(bad), "") << bad;
  EXPECT_NE(condition(std::string(300, '(')).find("deeper"), std::string::npos);
}

TEST(RuleLoading, refuses_a_second_rule_of_the_same_id) {
  const std::string text = rule_text("  s:\n    Image: /x\n  condition: s");
  const RuleSet set = load_rules({{.name = "b.yml", .bytes = text}, {.name = "a.yml", .bytes = text}});
  ASSERT_EQ(set.rules.size(), 1U);
  EXPECT_EQ(set.rules[0].file, "a.yml");
  ASSERT_EQ(set.errors.size(), 1U);
  EXPECT_EQ(set.errors[0].file, "b.yml");
}

TEST(RuleLoading, gives_the_same_digest_in_any_order_of_files) {
  const RuleFile a{.name = "a", .bytes = "x"};
  const RuleFile b{.name = "b", .bytes = "y"};
  EXPECT_EQ(load_rules({a, b}).digest, load_rules({b, a}).digest);
  EXPECT_NE(load_rules({a, b}).digest, load_rules({a}).digest);
}

TEST(Plan, asks_equal_tests_of_several_rules_once) {
  std::vector<RuleFile> files;
  for (int i = 0; i < 10; ++i) {
    std::string text = rule_text("  s:\n    Image|endswith: [/x, /y]\n  condition: s");
    text.replace(text.find("6f9a1f5e"), 8, fmt::format("6f9a1f{:02x}", i));
    files.push_back({.name = fmt::format("{}.yml", i), .bytes = text});
  }
  const auto plan = compile(load_rules(files));
  EXPECT_EQ(plan->figures().rules_running, 10U);
  EXPECT_EQ(plan->figures().tests, 20U);
  EXPECT_EQ(plan->figures().predicates, 2U);
  EXPECT_EQ(plan->figures().rules_without_witness, 0U);
  Matcher matcher(plan);
  std::vector<Match> matches;
  matcher.match(process("/bin/y", "y"), matches);
  EXPECT_EQ(matches.size(), 10U);
  EXPECT_NE(plan->find("6f9a1f03-0f0c-4f0e-8a57-0c1f0d9d2a11"), nullptr);
  EXPECT_EQ(plan->find("6f9a1fff-0f0c-4f0e-8a57-0c1f0d9d2a11"), nullptr);
}

TEST(Plan, tries_rules_that_ask_only_for_what_is_not_there) {
  EXPECT_TRUE(holds("  s:\n    Image: /x\n  condition: not s", process("/y", "y")));
  EXPECT_FALSE(holds("  s:\n    Image: /x\n  condition: not s", process("/x", "y")));
}

TEST(Plan, runs_only_rules_of_the_events_log_source) {
  const auto plan = compile(load("  s:\n    Image: '*'\n  condition: s", "file_event"));
  EXPECT_EQ(plan->figures().rules_running, 0U);
  EXPECT_EQ(plan->rules().size(), 1U);
}

TEST(Automaton, finds_every_occurrence_of_literals_within_literals) {
  const auto automaton = inside::Automaton::build({"he", "she", "his", "hers", "e"});
  std::vector<std::pair<std::uint32_t, std::size_t>> hits;
  automaton.scan("ushers", [&](std::uint32_t literal, std::size_t end) { hits.emplace_back(literal, end); });
  const std::vector<std::pair<std::uint32_t, std::size_t>> expected{{1, 4}, {0, 4}, {4, 4}, {3, 6}};
  EXPECT_EQ(hits, expected);
}

TEST(Detector, makes_a_finding_with_evidence_and_ancestry) {
  model::RecordedEvent recorded;
  recorded.event = process("/dev/shm/x", "x\0--go\0"sv);
  recorded.event.set(Field::process_guid, "self");
  recorded.event.set(Field::ancestor_guids, model::FieldValue(std::vector<std::string>{"parent", "grandparent"}));
  recorded.event.set(Field::ancestor_executables, model::FieldValue(std::vector<std::string>{"/bin/sh", "/sbin/init"}));
  recorded.event.source_time = {5};
  recorded.provenance.organisation = model::OrganisationId::parse("city").value();
  recorded.provenance.received_time = {7};
  recorded.provenance.entry = {.log = "c/evidence/city", .index = 9};
  RuleSet set = load(
      "  s:\n    Image|startswith: /dev/shm/\n    CommandLine|contains: go\n  n:\n    Image: /z\n  condition: s and "
      "not n");
  const auto digest = set.rules.at(0).ref.digest;
  Detector detector(compile(std::move(set)));
  const auto findings = detector.observe(recorded);
  ASSERT_EQ(findings.size(), 1U);
  const model::Finding& finding = findings[0];
  EXPECT_EQ(finding.rule.digest, digest);
  EXPECT_EQ(finding.rule.level, model::Level::high);
  EXPECT_EQ(finding.engine, kEngineVersion);
  EXPECT_EQ(finding.received_time, base::Time{7});
  EXPECT_EQ(finding.process_guid, "self");
  const std::vector<model::Ancestor> ancestry{
      {"grandparent", "/sbin/init"}, {"parent", "/bin/sh"}, {"self", "/dev/shm/x"}};
  EXPECT_EQ(finding.ancestry, ancestry);
  const std::vector<model::MatchedField> matched{{"Image", "/dev/shm/x"}, {"CommandLine", "x --go"}};
  EXPECT_EQ(finding.matched, matched);
  ASSERT_EQ(finding.evidence.size(), 1U);
  EXPECT_EQ(finding.evidence[0].entry.index, 9U);
  EXPECT_EQ(finding.id, model::make_finding_id(finding.rule, finding.evidence));
  EXPECT_EQ(model::to_json(detector.observe(recorded).at(0)), model::to_json(finding));
}

}  // namespace
}  // namespace hinomi::detect
