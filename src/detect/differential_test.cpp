// The plan against the oracle on thousands of generated rules and events.
#include <hinomi/detect/inside/generate.hpp>
#include <hinomi/detect/inside/oracle.hpp>
#include <hinomi/detect/plan.hpp>

#include <gtest/gtest.h>

#include <random>

namespace hinomi::detect {
namespace {

std::string draw(std::mt19937& random, std::size_t count) {
  std::string out(count, '\0');
  for (char& c : out) c = static_cast<char>(random() & 0xff);
  return out;
}

TEST(PlanAgainstOracle, says_the_same_of_generated_rules_and_events) {
  std::mt19937 random(20261121);
  std::size_t held = 0;
  std::size_t compared = 0;
  std::size_t loaded = 0;
  for (int round = 0; round < 60; ++round) {
    std::vector<RuleFile> files;
    for (unsigned i = 0; i < 40; ++i) {
      const std::string bytes = draw(random, 120);
      inside::Choices choices(bytes);
      files.push_back({.name = std::to_string(i), .bytes = inside::make_rule(choices, i)});
    }
    const auto plan = compile(load_rules(files));
    loaded += plan->rules().size();
    Matcher matcher(plan);
    std::vector<Match> matches;
    for (int i = 0; i < 60; ++i) {
      const std::string bytes = draw(random, 60);
      inside::Choices choices(bytes);
      const model::Event event = inside::make_event(choices);
      matcher.match(event, matches);
      std::size_t at = 0;
      for (const Rule& rule : plan->rules()) {
        const bool got = at < matches.size() && matches[at].rule == &rule;
        at += got ? 1U : 0U;
        ASSERT_EQ(got, inside::oracle::holds(rule, event)) << rule.source;
        ++compared;
      }
      EXPECT_EQ(at, matches.size());
      held += matches.size();
    }
  }
  EXPECT_GT(loaded, 1500U);
  EXPECT_GT(held, compared / 20);
  EXPECT_LT(held, compared * 19 / 20);
}

}  // namespace
}  // namespace hinomi::detect
