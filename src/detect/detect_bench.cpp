// Nanoseconds an event: our own rules, and all rules of the folder that HINOMI_SIGMA_RULES names.
// Events: a mix of what a Linux machine starts (few distinct values, as in life) and of lines that are new each time.
#include <hinomi/detect/plan.hpp>
#include <hinomi/detect/rule_folder.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <random>

namespace {

using namespace hinomi;
using model::Field;

std::vector<model::Event> make_events(bool repeating) {
  constexpr std::array<std::string_view, 12> programs{"/usr/bin/bash", "/usr/bin/git",          "/usr/bin/cc1plus",
                                                      "/usr/bin/ls",   "/usr/bin/sed",          "/usr/bin/python3.11",
                                                      "/usr/bin/curl", "/usr/bin/cat",          "/usr/bin/make",
                                                      "/usr/bin/grep", "/usr/lib/git-core/git", "/usr/bin/find"};
  std::mt19937 random(7);
  std::vector<model::Event> out;
  for (int i = 0; i < 4096; ++i) {
    const std::string_view program = programs[random() % programs.size()];
    const std::string name(program.substr(program.rfind('/') + 1));
    const unsigned variant = repeating ? static_cast<unsigned>(random() % 20) : static_cast<unsigned>(random());
    model::Event event;
    event.set(Field::process_guid, std::string_view("0123456789abcdef0123456789abcdef"));
    event.set(Field::process_id, std::uint64_t{random() % 32768});
    event.set(Field::process_executable, program);
    const std::string arguments = name + std::string(1, '\0') + "--option=value" + std::string(1, '\0') +
                                  "/home/user/project/build/file-" + std::to_string(variant) + ".cpp" +
                                  std::string(1, '\0') + "-I/usr/include/some/where" + std::string(1, '\0');
    event.set(Field::process_arguments, std::string_view(arguments));
    event.set(Field::process_working_directory, std::string_view("/home/user/project/build"));
    event.set(Field::process_user_name, std::string_view("user"));
    event.set(Field::parent_executable, std::string_view("/usr/bin/bash"));
    event.set(Field::parent_arguments, std::string_view("bash\0-c\0make -j4\0", 17));
    out.push_back(std::move(event));
  }
  return out;
}

void run(benchmark::State& state, const char* folder, bool repeating) {
  const auto files = folder != nullptr ? detect::read_rule_folder(folder)
                                       : base::Result<std::vector<detect::RuleFile>>(
                                             base::fail(base::Errc::not_found, "HINOMI_SIGMA_RULES is not set"));
  if (!files) return state.SkipWithError(files.error().what.c_str());
  const auto plan = detect::compile(detect::load_rules(*files));
  const std::vector<model::Event> events = make_events(repeating);
  detect::Matcher matcher(plan);
  std::vector<detect::Match> matches;
  std::size_t at = 0;
  std::size_t held = 0;
  for (auto _ : state) {
    matcher.match(events[at++ % events.size()], matches);
    held += matches.size();
  }
  state.counters["rules"] = static_cast<double>(plan->figures().rules_running);
  state.counters["predicates"] = static_cast<double>(plan->figures().predicates);
  state.counters["matches_per_event"] = static_cast<double>(held) / static_cast<double>(state.iterations());
}

void own_rules_values_repeat(benchmark::State& state) { run(state, HINOMI_SOURCE_DIR "/rules", true); }
void own_rules_lines_are_new(benchmark::State& state) { run(state, HINOMI_SOURCE_DIR "/rules", false); }
void sigma_rules_values_repeat(benchmark::State& state) { run(state, std::getenv("HINOMI_SIGMA_RULES"), true); }
void sigma_rules_lines_are_new(benchmark::State& state) { run(state, std::getenv("HINOMI_SIGMA_RULES"), false); }

void load_and_compile(benchmark::State& state) {
  const char* folder = std::getenv("HINOMI_SIGMA_RULES");
  const auto files = detect::read_rule_folder(folder != nullptr ? folder : HINOMI_SOURCE_DIR "/rules");
  if (!files) return state.SkipWithError(files.error().what.c_str());
  for (auto _ : state) benchmark::DoNotOptimize(detect::compile(detect::load_rules(*files)));
}

BENCHMARK(own_rules_values_repeat);
BENCHMARK(own_rules_lines_are_new);
BENCHMARK(sigma_rules_values_repeat);
BENCHMARK(sigma_rules_lines_are_new);
BENCHMARK(load_and_compile)->Unit(benchmark::kMillisecond);

}  // namespace
