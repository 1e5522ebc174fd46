// YAML 1.1 documents (through libyaml) as a bounded tree that remembers lines, so that an error can name one.
// Threads: values. Fails: Errc::malformed with "line N: …", Errc::too_large.
// Limits: 4 MiB of text, depth 64, 400,000 nodes; anchors may be used, but what aliases expand to counts against the
// limit.
#pragma once

#include <hinomi/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hinomi::base {

class Yaml {
 public:
  enum class Kind : std::uint8_t { null, boolean, number, text, list, map };

  // All documents of a stream.
  static Result<std::vector<Yaml>> parse_all(std::string_view text);
  // The one document of a stream; malformed if there are none or several.
  static Result<Yaml> parse(std::string_view text);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_null() const { return kind_ == Kind::null; }
  [[nodiscard]] bool is_scalar() const { return kind_ != Kind::list && kind_ != Kind::map; }
  [[nodiscard]] bool is_list() const { return kind_ == Kind::list; }
  [[nodiscard]] bool is_map() const { return kind_ == Kind::map; }
  [[nodiscard]] int line() const { return line_; }  // 1-based
  // The scalar as it was written (quotes removed). Plain scalars that look like numbers, booleans or null have that
  // kind.
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::vector<Yaml>& items() const { return items_; }  // of a list
  [[nodiscard]] const std::vector<std::pair<std::string, Yaml>>& entries() const {
    return entries_;
  }  // of a map, in order
  [[nodiscard]] const Yaml* find(std::string_view key) const;  // null if absent or not a map

  // What a field must be, or an error that names line and expectation.
  [[nodiscard]] Result<bool> as_boolean() const;
  [[nodiscard]] Result<std::int64_t> as_integer() const;
  [[nodiscard]] Result<std::string> as_text() const;                    // any scalar but null
  [[nodiscard]] Result<std::vector<std::string>> as_text_list() const;  // a list of scalars, or one scalar

  // The names in this map that are not among `known`: for "unknown setting" errors.
  [[nodiscard]] std::vector<std::pair<std::string, int>> unknown_keys(
      std::initializer_list<std::string_view> known) const;

 private:
  friend class YamlBuilder;
  Kind kind_ = Kind::null;
  int line_ = 0;
  std::string text_;
  std::vector<Yaml> items_;
  std::vector<std::pair<std::string, Yaml>> entries_;
};

}  // namespace hinomi::base
