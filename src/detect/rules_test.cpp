// Our own rules on their own examples: rules/**/NAME.yml with NAME.test.yaml beside it.
#include <hinomi/detect/inside/oracle.hpp>
#include <hinomi/detect/plan.hpp>
#include <hinomi/detect/rule_folder.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace hinomi::detect {
namespace {

const base::fs::path kRules = base::fs::path(HINOMI_SOURCE_DIR) / "rules";

RuleSet own_rules() {
  auto files = read_rule_folder(kRules);
  EXPECT_TRUE(files) << files.error().what;
  return load_rules(std::move(*files));
}

// An event as an example writes it down: fields by their Sigma (or catalogue) name.
model::Event event_of(const base::Yaml& example) {
  model::Event event;
  event.kind = model::kind_named(example.find("kind")->text()).value();
  for (const auto& [name, value] : example.find("fields")->entries()) {
    const model::FieldRow* row = nullptr;
    for (const model::FieldRow& each : model::all_fields())
      if (each.sigma == name || each.name == name) row = &each;
    if (row == nullptr) {
      ADD_FAILURE() << "no field " << name;
      continue;
    }
    EXPECT_TRUE(model::may_carry(event.kind, row->field)) << name;
    switch (row->type) {
      case model::FieldType::arguments: {
        std::string arguments;
        for (const base::Yaml& item : value.items()) arguments += item.text() + '\0';
        event.set(row->field, std::string_view(arguments));
        break;
      }
      case model::FieldType::boolean: event.set(row->field, std::uint64_t{value.as_boolean().value() ? 1U : 0U}); break;
      case model::FieldType::number:
        event.set(row->field, static_cast<std::uint64_t>(value.as_integer().value()));
        break;
      case model::FieldType::address: event.set(row->field, base::IpAddress::parse(value.text()).value()); break;
      case model::FieldType::paths: event.set(row->field, model::FieldValue(value.as_text_list().value())); break;
      default: event.set(row->field, std::string_view(value.text()));
    }
  }
  return event;
}

TEST(OwnRules, are_twenty_that_all_load_and_run) {
  const RuleSet set = own_rules();
  for (const RuleError& error : set.errors) ADD_FAILURE() << error.text();
  EXPECT_EQ(set.rules.size(), 20U);
  const auto figures = compile(set)->figures();
  EXPECT_EQ(figures.rules_running, 20U);
  EXPECT_EQ(figures.rules_without_witness, 0U);
}

TEST(OwnRules, say_in_both_languages_what_they_mean) {
  for (const Rule& rule : own_rules().rules) {
    EXPECT_FALSE(rule.description.empty()) << rule.file;
    EXPECT_FALSE(rule.title_ja.empty()) << rule.file;
    EXPECT_FALSE(rule.description_ja.empty()) << rule.file;
    EXPECT_FALSE(rule.false_positives.empty()) << rule.file;
    EXPECT_FALSE(rule.ref.author.empty()) << rule.file;
    EXPECT_TRUE(std::ranges::any_of(rule.ref.tags, [](const auto& tag) { return tag.starts_with("attack.t1"); }))
        << rule.file;
  }
}

TEST(OwnRules, hold_on_their_examples_and_not_on_the_others) {
  const auto plan = compile(own_rules());
  Matcher matcher(plan);
  std::vector<Match> matches;
  for (const Rule& rule : plan->rules()) {
    const base::fs::path path = (kRules / rule.file).replace_extension(".test.yaml");
    const auto bytes = base::read_file(path);
    ASSERT_TRUE(bytes) << bytes.error().what;
    const auto examples = base::Yaml::parse(*bytes);
    ASSERT_TRUE(examples) << path << ": " << examples.error().what;
    std::set<bool> kinds;
    for (const base::Yaml& example : examples->items()) {
      const bool expected = example.find("holds")->as_boolean().value();
      const model::Event event = event_of(example);
      matcher.match(event, matches);
      const bool got = std::ranges::any_of(matches, [&](const Match& match) { return match.rule == &rule; });
      EXPECT_EQ(got, expected) << path.string() << ":" << example.line();
      EXPECT_EQ(inside::oracle::holds(rule, event), expected) << path.string() << ":" << example.line();
      kinds.insert(expected);
    }
    EXPECT_EQ(kinds.size(), 2U) << path << " needs examples of both kinds";
  }
}

// What ordinary machines run all day must not raise an alarm.
TEST(OwnRules, are_silent_on_everyday_command_lines) {
  const auto plan = compile(own_rules());
  Matcher matcher(plan);
  std::vector<Match> matches;
  for (const auto& [image, line] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"/usr/bin/bash", "bash"},
           {"/usr/bin/bash", "-bash"},
           {"/usr/bin/ls", "ls --color=auto -la /tmp"},
           {"/usr/bin/apt-get", "apt-get install -y netcat-openbsd"},
           {"/usr/lib/apt/methods/http", "/usr/lib/apt/methods/http"},
           {"/usr/bin/dpkg", "dpkg --configure -a"},
           {"/usr/sbin/sshd", "sshd: user [priv]"},
           {"/usr/bin/ssh-copy-id", "ssh-copy-id user@host"},
           {"/usr/bin/curl", "curl -fsSL https://deb.debian.org/debian/dists/bookworm/Release"},
           {"/usr/bin/python3.11", "python3 -m http.server"},
           {"/usr/bin/systemctl", "systemctl restart nginx"},
           {"/usr/sbin/cron", "/usr/sbin/cron -f"},
           {"/bin/sh", "/bin/sh -c test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily"},
           {"/usr/bin/git", "git push origin main"},
           {"/usr/bin/make", "make -j8 CC=clang"},
           {"/tmp/build-x/cmTC_1", "/tmp/build-x/cmTC_1"},
           {"/usr/bin/base64", "base64 -d"},
           {"/usr/bin/nc.openbsd", "nc -l 8080"}}) {
    model::Event event;
    event.set(model::Field::process_executable, image);
    event.set(model::Field::process_arguments, line);
    event.set(model::Field::parent_executable, std::string_view("/usr/bin/bash"));
    matcher.match(event, matches);
    EXPECT_TRUE(matches.empty()) << line << ": " << (matches.empty() ? "" : matches[0].rule->ref.title);
  }
}

}  // namespace
}  // namespace hinomi::detect
