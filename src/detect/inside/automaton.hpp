// Finds every occurrence of many literals in one pass (Aho and Corasick, 1975), as a dense table: one row a state, one
// column a class of bytes (bytes that no literal holds share one). A state's number is the offset of its row, so a step
// is one addition and one load. This is the seam for another scanner (for long values) with the same hits.
// Threads: immutable after build.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::detect::inside {

class Automaton {
 public:
  // Literals must not be empty and each stand once.
  static Automaton build(const std::vector<std::string>& literals);

  // Calls hit(literal's index, offset of the byte after it) in order of that offset.
  template <class Hit>
  void scan(std::string_view text, Hit&& hit) const {
    if (table_.empty()) return;
    std::uint32_t state = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      state = table_[state + class_of_[static_cast<unsigned char>(text[i])]];
      if ((state & kHit) != 0) {
        state &= ~kHit;
        for (std::uint32_t at = output_of_[state / classes_]; at != kNone; at = outputs_[at].next)
          hit(outputs_[at].literal, i + 1);
      }
    }
  }

  [[nodiscard]] std::size_t states() const { return output_of_.size(); }
  [[nodiscard]] std::size_t bytes() const {
    return table_.size() * sizeof(table_[0]) + output_of_.size() * sizeof(output_of_[0]) +
           outputs_.size() * sizeof(outputs_[0]);
  }

 private:
  static constexpr std::uint32_t kHit = 1U << 31;
  static constexpr std::uint32_t kNone = 0xffffffff;
  struct Output {
    std::uint32_t literal;
    std::uint32_t next;  // shorter literal that ends here too
  };
  std::array<std::uint16_t, 256> class_of_{};
  std::uint32_t classes_ = 1;
  std::vector<std::uint32_t> table_;      // row offset of the next state, with kHit where it has outputs
  std::vector<std::uint32_t> output_of_;  // by state
  std::vector<Output> outputs_;           // the literal's own, then chained to those of its suffixes
};

}  // namespace hinomi::detect::inside
