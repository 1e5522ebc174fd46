// Arbitrary bytes as a rule file; and, by the first byte, as choices that make rules and events on which the plan must
// say what the oracle says.
#include <hinomi/detect/inside/generate.hpp>
#include <hinomi/detect/inside/oracle.hpp>
#include <hinomi/detect/plan.hpp>

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace hinomi;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.empty()) return 0;
  const bool generated = (bytes.front() & 1) != 0;
  bytes.remove_prefix(1);
  detect::inside::Choices choices(bytes);
  std::vector<detect::RuleFile> files;
  if (generated) {
    for (unsigned i = 0; i < 3; ++i)
      files.push_back({.name = std::to_string(i), .bytes = detect::inside::make_rule(choices, i)});
  } else {
    files.push_back({.name = "rule.yml", .bytes = std::string(bytes)});
  }
  const auto plan = detect::compile(detect::load_rules(std::move(files)));
  detect::Matcher matcher(plan);
  std::vector<detect::Match> matches;
  for (int i = 0; i < 4; ++i) {
    const model::Event event = detect::inside::make_event(choices);
    matcher.match(event, matches);
    for (const detect::Rule& rule : plan->rules()) {
      const bool got = std::ranges::any_of(matches, [&](const detect::Match& match) { return match.rule == &rule; });
      HINOMI_CHECK(got == detect::inside::oracle::holds(rule, event));
    }
  }
  return 0;
}
