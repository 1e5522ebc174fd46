#include <hinomi/console/inside/story.hpp>

#include <hinomi/base/escape.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace hinomi::console::inside {
namespace {

using model::EventKind;
using model::Field;

constexpr std::int64_t kStart = 1'795'248'000'000'000'000;

model::RecordedEvent event(EventKind kind, std::uint64_t sequence, std::string_view guid) {
  model::RecordedEvent out;
  out.event.kind = kind;
  out.event.id.sequence = sequence;
  out.event.source_time = {kStart + static_cast<std::int64_t>(sequence) * 1'000'000};
  out.event.set(Field::process_guid, guid);
  return out;
}
model::RecordedEvent start(std::uint64_t sequence, std::string_view guid, std::string_view parent,
                           std::string_view executable, std::string_view arguments = "") {
  auto out = event(EventKind::process_start, sequence, guid);
  out.event.set(Field::process_id, 1000 + sequence);
  out.event.set(Field::parent_guid, parent);
  out.event.set(Field::process_executable, executable);
  out.event.set(Field::process_arguments, arguments);
  out.event.set(Field::process_user_name, "kenji");
  return out;
}

// sshd > bash > curl, which connects and starts sh; the rule held on curl.
struct Case {
  model::Finding finding;
  Surroundings around;
  Case() {
    const auto subject = start(3, "c", "b", "/usr/bin/curl", std::string_view("curl\0http://x\0", 14));
    around.evidence = {subject};
    around.starts = {start(1, "a", "", "/usr/sbin/sshd"),
                     start(2, "b", "a", "/usr/bin/bash", std::string_view("-bash\0", 6)), subject,
                     start(5, "d", "c", "/usr/bin/sh"), start(6, "e", "d", "/tmp/x")};
    auto ended = event(EventKind::process_exit, 9, "c");
    ended.event.set(Field::exit_code, std::uint64_t{7});
    around.exits = {ended};
    auto connection = event(EventKind::network_connect, 4, "c");
    connection.event.set(Field::network_protocol, "tcp");
    connection.event.set(Field::destination_address, base::IpAddress::parse("198.51.100.7").value());
    connection.event.set(Field::destination_port, std::uint64_t{443});
    around.connections = {connection};
    finding.process_guid = "c";
    finding.ancestry = {{"a", "/usr/sbin/sshd"}, {"b", "/usr/bin/bash"}, {"c", "/usr/bin/curl"}};
    finding.source_time = subject.event.source_time;
    finding.received_time = {kStart + 20'000'000};
    finding.rule.title = "Download by curl";
    finding.rule.level = model::Level::high;
    finding.matched = {{"Image", "/usr/bin/curl"}};
    finding.evidence = {{.entry = {.log = "l", .index = 12}, .event = subject.event.id}};
    model::Indicator indicator;
    indicator.value = "198.51.100.7";
    indicator.type = model::IndicatorType::ipv4;
    indicator.created = {kStart + 21'000'000};
    around.indicators = {indicator};
  }
  [[nodiscard]] std::vector<Process> processes() const { return processes_of(finding, around); }
  [[nodiscard]] std::vector<Step> steps() const {
    return steps_of(finding, around, processes(), connections_of(around));
  }
};

std::string names(const std::vector<Step>& steps) {
  std::string out;
  for (const auto& step : steps) out += (out.empty() ? "" : " ") + step.step;
  return out;
}
const Step& named(const std::vector<Step>& steps, std::string_view name) {
  for (const auto& step : steps)
    if (step.step == name) return step;
  throw std::runtime_error("no step " + std::string(name));
}
std::string fact(const Step& step, std::string_view name) {
  const auto* value = step.facts.if_contains(name);
  return !value ? "" : value->is_string() ? std::string(value->as_string()) : boost::json::serialize(*value);
}

TEST(Story, the_tree_is_the_line_then_the_children) {
  const auto processes = Case().processes();
  ASSERT_EQ(processes.size(), 5U);
  std::string line;
  for (const auto& process : processes) line += fmt::format("{}<{} ", process.guid, process.parent_guid);
  EXPECT_EQ(line, "a< b<a c<b d<c e<d ");
  EXPECT_TRUE(processes[2].is_subject);
  EXPECT_EQ(processes[2].command_line, "curl http://x");
  EXPECT_EQ(processes[2].exit_code, 7U);
  EXPECT_EQ(processes[2].user, "kenji");
  EXPECT_EQ(processes[1].pid, 1002U);
}

TEST(Story, a_whole_story_has_nine_steps_at_most_and_names_its_facts) {
  Case whole;
  whole.around.starts[2].event.set(Field::process_script, "/tmp/x.sh");
  whole.around.evidence[0].event.set(Field::process_script, "/tmp/x.sh");
  whole.around.evidence[0].event.set(Field::process_login_user_id, "1000");
  const auto steps = whole.steps();
  EXPECT_EQ(names(steps), "login shell started script connected children recorded rule_held candidate");
  EXPECT_EQ(fact(named(steps, "login"), "user"), "kenji");
  EXPECT_EQ(fact(named(steps, "login"), "program"), "/usr/sbin/sshd");
  EXPECT_EQ(fact(named(steps, "shell"), "shell"), "/usr/bin/bash");
  EXPECT_EQ(fact(named(steps, "started"), "program"), "/usr/bin/curl");
  EXPECT_EQ(fact(named(steps, "started"), "folder"), "/usr/bin");
  EXPECT_EQ(fact(named(steps, "started"), "parent"), "/usr/bin/bash");
  EXPECT_EQ(fact(named(steps, "script"), "script"), "/tmp/x.sh");
  EXPECT_EQ(fact(named(steps, "connected"), "address"), "198.51.100.7");
  EXPECT_EQ(fact(named(steps, "connected"), "port"), "443");
  EXPECT_EQ(fact(named(steps, "children"), "program"), "/usr/bin/sh");
  EXPECT_EQ(fact(named(steps, "recorded"), "entry"), "12");
  EXPECT_EQ(fact(named(steps, "rule_held"), "matched"), "/usr/bin/curl");
  EXPECT_EQ(fact(named(steps, "candidate"), "value"), "198.51.100.7");
}

TEST(Story, a_finding_of_which_little_is_known_still_has_three_steps) {
  model::Finding bare;
  EXPECT_EQ(names(steps_of(bare, {}, processes_of(bare, {}), {})), "observed recorded rule_held");
  bare.process_guid = "c";
  EXPECT_EQ(names(steps_of(bare, {}, processes_of(bare, {}), {})), "started recorded rule_held");
}

TEST(Story, ancestors_that_were_never_seen_starting_are_named_by_the_finding) {
  Case old;
  old.around.starts = {old.around.starts[2]};
  old.around.starts[0].event.set(Field::parent_arguments, std::string_view("-bash\0-l\0", 9));
  old.around.evidence = old.around.starts;
  const auto processes = old.processes();
  ASSERT_EQ(processes.size(), 3U);
  EXPECT_EQ(processes[0].executable, "/usr/sbin/sshd");
  EXPECT_EQ(processes[1].parent_guid, "a");
  EXPECT_EQ(processes[1].command_line, "-bash -l") << "known through its child";
  EXPECT_FALSE(processes[0].start.has_value());
}

TEST(Story, of_several_programs_in_one_process_the_one_that_the_rule_held_on_is_shown) {
  Case chained;
  auto earlier = start(2, "c", "b", "/usr/bin/env");
  auto later = start(8, "c", "b", "/usr/bin/true");
  chained.around.starts.insert(chained.around.starts.begin(), earlier);
  chained.around.starts.push_back(later);
  for (const auto& process : chained.processes())
    if (process.is_subject) EXPECT_EQ(process.executable, "/usr/bin/curl");
}

TEST(Story, the_published_indicator_speaks_before_the_candidate_and_the_held_one) {
  Case several;
  model::Indicator held = several.around.indicators[0];
  held.state = model::IndicatorState::held;
  held.reason = "well known";
  model::Indicator published = held;
  published.state = model::IndicatorState::published;
  published.published = base::Time{kStart + 99};
  several.around.indicators = {held, several.around.indicators[0], published};
  const auto steps = several.steps();
  EXPECT_EQ(steps.back().step, "published");
  EXPECT_EQ(steps.back().time, base::Time{kStart + 99});
  several.around.indicators = {held};
  EXPECT_EQ(fact(several.steps().back(), "reason"), "well known");
}

TEST(Story, what_an_attacker_named_is_shown_escaped) {
  Case hostile;
  const std::string name = "/tmp/\x1b[2J\xe2\x80\xae\xff";
  for (auto* list : {&hostile.around.evidence, &hostile.around.starts})
    for (auto& item : *list)
      if (item.event.bytes(Field::process_guid) == "c")
        item.event.set(Field::process_executable, std::string_view(name));
  boost::json::array all;
  for (const auto& process : hostile.processes()) all.push_back(to_object(process));
  for (const auto& step : hostile.steps()) all.push_back(to_object(step));
  const std::string text = boost::json::serialize(all);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("\\u001b"), std::string::npos);
  EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos);
  EXPECT_NE(text.find("\\\\u{1b}"), std::string::npos) << text;
}

TEST(Story, long_texts_are_cut_between_characters) {
  Case wordy;
  std::string arguments(398, 'a');
  for (int i = 0; i < 100; ++i) arguments += "\xe7\x81\xab";
  for (auto* list : {&wordy.around.evidence, &wordy.around.starts})
    for (auto& item : *list)
      if (item.event.bytes(Field::process_guid) == "c")
        item.event.set(Field::process_arguments, std::string_view(arguments));
  const std::string shown = fact(named(wordy.steps(), "started"), "command_line");
  EXPECT_LE(shown.size(), 404U);
  EXPECT_TRUE(base::is_valid_utf8(shown));
}

TEST(Story, an_accepted_connection_is_told_from_one_that_was_opened) {
  Case served;
  auto accepted = event(EventKind::network_accept, 4, "c");
  accepted.event.set(Field::source_address, base::IpAddress::parse("203.0.113.9").value());
  accepted.event.set(Field::destination_port, std::uint64_t{22});
  served.around.connections = {accepted};
  EXPECT_EQ(fact(named(served.steps(), "accepted"), "address"), "203.0.113.9");
}

}  // namespace
}  // namespace hinomi::console::inside
