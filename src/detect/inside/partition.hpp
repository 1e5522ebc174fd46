// What is compiled for the events of one log source category. See plan.hpp for the idea.
// Threads: immutable after compile.
#pragma once

#include <hinomi/detect/inside/automaton.hpp>
#include <hinomi/detect/rule.hpp>
#include <hinomi/model/field.hpp>

#include <re2/re2.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace hinomi::detect::inside {

// Where a field of a rule is found in an event.
struct Source {
  enum class Kind : std::uint8_t { field, hashes, keywords, nowhere };
  Kind kind = Kind::nowhere;
  model::Field field{};
  auto operator<=>(const Source&) const = default;
};
Source source_named(std::string_view sigma_name);

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

inline constexpr std::uint32_t kNoCheck = 0xffffffff;

// What a hit of a literal means.
struct Target {
  std::uint32_t predicate = 0;
  std::uint32_t check = kNoCheck;  // to be confirmed by this check
  Test::Place place = Test::Place::anywhere;
};

// A test that is tried on the value itself.
struct Check {
  std::uint32_t predicate = 0;
  const Test* test = nullptr;
  Pattern folded;                   // of a pattern that is not cased
  std::unique_ptr<re2::RE2> regex;  // of a regex
};

struct Slot {
  Source source;
  std::vector<std::uint32_t> when_absent;
  std::vector<std::uint32_t> when_present;
  std::vector<std::uint32_t> any_value;
  std::unordered_map<std::string, std::vector<Target>, TextHash, std::equal_to<>> exact;
  Automaton automaton;
  std::vector<std::uint32_t> literal_length;         // by literal
  std::vector<std::vector<Target>> literal_targets;  // by literal
  std::vector<Check> checks;
  std::vector<std::uint32_t> always_checked;
  std::vector<std::pair<std::uint32_t, const Test*>> numbers;
  std::vector<std::pair<std::uint32_t, const Test*>> networks;
};

struct Reference {
  std::uint32_t predicate = 0;
  const Test* test = nullptr;
  Source left;
  Source right;
};

struct Instruction {
  enum class Code : std::uint8_t { load, load_any, load_all, negate, jump_if_false, jump_if_true };
  Code code = Code::load;
  std::uint32_t a = 0;  // predicate, first operand, or where to jump
  std::uint32_t b = 0;  // count of operands
};

struct Program {
  std::uint32_t rule = 0;  // in the plan
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::vector<std::uint32_t> leaves;  // predicate of each test, depth first
};

struct Partition {
  std::string category;
  std::vector<Program> programs;  // ascending by rule
  std::vector<Instruction> code;
  std::vector<std::uint32_t> operands;
  std::vector<Slot> slots;  // ascending by source: fields, then what is made of several
  std::vector<Reference> references;
  std::vector<std::uint32_t> constant;                // predicates that hold on every event
  std::vector<std::vector<std::uint32_t>> witnessed;  // by predicate: programs that it makes candidates
  std::vector<std::uint32_t> always;                  // programs without witness
  std::size_t predicates = 0;
  std::size_t tests = 0;
};

std::unique_ptr<Partition> compile_partition(const std::vector<Rule>& rules,
                                             const std::vector<std::uint32_t>& applicable, std::string category);

}  // namespace hinomi::detect::inside
