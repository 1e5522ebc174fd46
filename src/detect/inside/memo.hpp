// Which predicates a value satisfied when it was last looked at. Values repeat: most executables and users, many
// command lines. A bounded table of sets of four, replaced in turn; a hit compares the whole value, so it changes
// nothing but the time an answer takes. Threads: one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::detect::inside {

class Memo {
 public:
  static constexpr std::size_t kLongest = 512;  // longer values are rare and seldom repeat

  // The predicates of this value; null if it is not known. `kind` keeps values of different types apart.
  const std::vector<std::uint32_t>* find(std::uint8_t kind, std::string_view value) {
    if (entries_.empty() || value.size() > kLongest) return nullptr;
    const std::size_t hash = hash_of(kind, value);
    for (std::size_t i = 0; i < kWays; ++i) {
      const Entry& entry = entries_[(hash % kSets) * kWays + i];
      if (entry.hash == hash && entry.kind == kind && entry.value == value) return &entry.predicates;
    }
    return nullptr;
  }

  void keep(std::uint8_t kind, std::string_view value, const std::vector<std::uint32_t>& predicates) {
    if (value.size() > kLongest) return;
    if (entries_.empty()) {
      entries_.resize(kSets * kWays);
      turn_.resize(kSets);
    }
    const std::size_t hash = hash_of(kind, value);
    const std::size_t set = hash % kSets;
    Entry& entry = entries_[set * kWays + turn_[set]];
    turn_[set] = static_cast<std::uint8_t>((turn_[set] + 1) % kWays);
    entry.hash = hash;
    entry.kind = kind;
    entry.value.assign(value);
    entry.predicates.assign(predicates.begin(), predicates.end());
  }

 private:
  static constexpr std::size_t kSets = 512;
  static constexpr std::size_t kWays = 4;
  struct Entry {
    std::size_t hash = 0;
    std::uint8_t kind = 0xff;  // none
    std::string value;
    std::vector<std::uint32_t> predicates;
  };
  static std::size_t hash_of(std::uint8_t kind, std::string_view value) {
    return std::hash<std::string_view>()(value) + kind;
  }
  std::vector<Entry> entries_;
  std::vector<std::uint8_t> turn_;
};

}  // namespace hinomi::detect::inside
