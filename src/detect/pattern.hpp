// Sigma's text values: literal parts with wildcards between, and how letters of either case are made the same.
// A value is read once, left to right: `*` any run, `?` one code point; `\*`, `\?`, `\\` are the character itself and a
// backslash before anything else is a backslash.
// Threads: values and pure functions.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::detect {

struct Pattern {
  enum class Part : std::uint8_t { literal, any_run, any_one };
  struct Piece {
    Part part = Part::literal;
    std::string text;  // of a literal; never empty
    auto operator<=>(const Piece&) const = default;
  };
  std::vector<Piece> pieces;  // no two literals and no two runs side by side

  auto operator<=>(const Pattern&) const = default;

  static Pattern parse(std::string_view text);    // with wildcards and escapes
  static Pattern literal(std::string_view text);  // as it stands
  void append(const Piece& piece);                // keeps the form
  void append_text(std::string_view text) { append({.part = Part::literal, .text = std::string(text)}); }
  [[nodiscard]] bool has_wildcards() const;
  [[nodiscard]] std::string plain() const;          // of a pattern without wildcards
  [[nodiscard]] Pattern with_leading_run() const;   // as endswith and contains do: adds a run where none is
  [[nodiscard]] Pattern with_trailing_run() const;  // as startswith and contains do
  [[nodiscard]] Pattern folded() const;
  [[nodiscard]] std::string text() const;  // as a rule would write it

  // Whether the whole of `value` (UTF-8) is of this pattern. Time: pieces × length at worst.
  [[nodiscard]] bool matches(std::string_view value) const;
};

bool is_ascii(std::string_view text);
// Unicode simple case folding of UTF-8 (status C and S of CaseFolding.txt); no normalisation.
std::string fold(std::string_view text);
// The same into a buffer that is kept; true if the text was ASCII alone.
bool fold_into(std::string_view text, std::string& out);

}  // namespace hinomi::detect
