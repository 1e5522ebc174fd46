// All rules as one plan: each distinct test is one predicate, asked at most once an event; the 3,001st rule costs
// almost nothing. For an event: the rules of its log source are one partition; each field that one of them reads is
// looked at once, through a memo of values seen before, an exact table, and one automaton over all literals of that
// field (a wildcard or a regular expression is tried only when a literal that it needs was found); the predicates that
// hold are bits; a rule is a candidate when its witness holds (a set of predicates of which one must hold); a
// candidate's condition is bytecode over the bits.
// Owns:    the rules and what was compiled from them; immutable.
// Threads: a Plan may be shared by all; a Matcher belongs to one thread.
// Fails:   never: what could fail, failed in load_rules.
#pragma once

#include <hinomi/detect/rule.hpp>
#include <hinomi/model/event.hpp>

#include <array>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace hinomi::detect {

// What derived a finding. Changes whenever the same events and rules could give another answer.
inline constexpr std::string_view kEngineVersion = "hinomi-detect-1";

namespace inside {
struct Partition;
struct MatcherState;
}  // namespace inside

class Plan {
 public:
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  [[nodiscard]] std::span<const Rule> rules() const { return set_.rules; }
  [[nodiscard]] std::span<const RuleError> errors() const { return set_.errors; }
  [[nodiscard]] const base::Digest& digest() const { return set_.digest; }
  // The rule of this id; null if it is not in this set.
  [[nodiscard]] const Rule* find(std::string_view id) const;

  struct Figures {
    std::size_t rules_running = 0;  // whose log source some event of ours belongs to
    std::size_t predicates = 0;
    std::size_t tests = 0;  // before equal ones became one
    std::size_t automaton_states = 0;
    std::size_t automaton_bytes = 0;
    std::size_t rules_without_witness = 0;  // tried on every event of their partition
  };
  [[nodiscard]] Figures figures() const;

 private:
  friend std::shared_ptr<const Plan> compile(RuleSet set, std::string_view product);
  friend class Matcher;
  explicit Plan(RuleSet set);

  RuleSet set_;
  std::vector<std::unique_ptr<inside::Partition>> partitions_;
  std::array<std::int16_t, 256> partition_of_kind_{};  // -1: rules do not apply
};

// `product`: of the log source that our events are, as Sigma names it.
std::shared_ptr<const Plan> compile(RuleSet set, std::string_view product = "linux");

struct Match {
  const Rule* rule = nullptr;  // lives as long as the plan
  std::vector<model::MatchedField> fields;
};

class Matcher {
 public:
  explicit Matcher(std::shared_ptr<const Plan> plan);
  ~Matcher();
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;

  // Replaces what is in `out` by the rules that hold on the event, in the plan's order.
  void match(const model::Event& event, std::vector<Match>& out);
  [[nodiscard]] const Plan& plan() const { return *plan_; }

 private:
  std::shared_ptr<const Plan> plan_;
  std::unique_ptr<inside::MatcherState> state_;
};

}  // namespace hinomi::detect
