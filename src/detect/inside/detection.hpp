// From the `detection` part of a rule to a tree of tests. Two halves: a selection (fields, modifiers, values) becomes a
// tree; the condition joins the selections.
// Threads: pure functions. Fails: a Problem with the line.
#pragma once

#include <hinomi/detect/rule.hpp>

#include <expected>

namespace hinomi::detect::inside {

struct Problem {
  int line = 0;
  std::string reason;
};
template <class T>
using Read = std::expected<T, Problem>;

struct Selection {
  std::string name;
  NodePointer tree;
};

inline constexpr std::size_t kMaxTests = 100'000;
inline constexpr int kMaxDepth = 64;

Read<NodePointer> read_selection(const base::Yaml& yaml);
Read<NodePointer> read_condition(const base::Yaml& yaml, const std::vector<Selection>& selections);
// Tests in the tree, each counted as often as it is reached.
std::size_t count_tests(const Node& node);

NodePointer join(Node::Kind kind, std::vector<NodePointer> children);  // one child is itself, except under none

}  // namespace hinomi::detect::inside
