#include <hinomi/base/result.hpp>
#include <hinomi/detect/inside/automaton.hpp>

namespace hinomi::detect::inside {

Automaton Automaton::build(const std::vector<std::string>& literals) {
  Automaton out;
  if (literals.empty()) return out;
  // Classes of bytes: 0 is every byte that stands in no literal.
  for (const std::string& literal : literals)
    for (const char c : literal) out.class_of_[static_cast<unsigned char>(c)] = 1;
  for (auto& of_byte : out.class_of_)
    if (of_byte != 0) of_byte = static_cast<std::uint16_t>(out.classes_++);

  // The trie; kNone where there is no child yet.
  const std::size_t width = out.classes_;
  std::vector<std::uint32_t> next(width, kNone);
  std::vector<std::uint32_t> own{kNone};
  for (std::size_t index = 0; index < literals.size(); ++index) {
    std::uint32_t state = 0;
    for (const char c : literals[index]) {
      const std::size_t cell = state * width + out.class_of_[static_cast<unsigned char>(c)];
      if (next[cell] == kNone) {
        next[cell] = static_cast<std::uint32_t>(own.size());
        own.push_back(kNone);
        next.resize(next.size() + width, kNone);
      }
      state = next[cell];
    }
    own[state] = static_cast<std::uint32_t>(index);
  }
  const std::size_t states = own.size();
  HINOMI_CHECK(states * width < kHit);

  // Breadth first: a missing child is the child of the longest proper suffix that is a state itself.
  std::vector<std::uint32_t> suffix(states, 0);
  std::vector<std::uint32_t> order{0};
  out.output_of_.assign(states, kNone);
  for (std::size_t at = 0; at < order.size(); ++at) {
    const std::uint32_t state = order[at];
    out.output_of_[state] = out.output_of_[suffix[state]];
    if (own[state] != kNone) {
      out.outputs_.push_back({.literal = own[state], .next = out.output_of_[suffix[state]]});
      out.output_of_[state] = static_cast<std::uint32_t>(out.outputs_.size() - 1);
    }
    for (std::size_t c = 0; c < width; ++c) {
      std::uint32_t& cell = next[state * width + c];
      const std::uint32_t fallback = state == 0 ? 0 : next[suffix[state] * width + c];
      if (cell == kNone) {
        cell = fallback;
      } else {
        suffix[cell] = fallback;
        order.push_back(cell);
      }
    }
  }
  out.table_.resize(states * width);
  for (std::size_t cell = 0; cell < next.size(); ++cell)
    out.table_[cell] =
        static_cast<std::uint32_t>(next[cell] * width) | (out.output_of_[next[cell]] != kNone ? kHit : 0U);
  return out;
}

}  // namespace hinomi::detect::inside
