// Texts for people, in English and Japanese, kept outside the code in messages/*.yaml and built into the program.
// Threads: immutable after construction.
#pragma once

#include <hinomi/base/result.hpp>

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace hinomi::base {

enum class Language : std::uint8_t { english, japanese };

// From a locale name or an Accept-Language header: Japanese if it begins with "ja", else English.
Language language_from(std::string_view locale);
// From LC_ALL, LC_MESSAGES, LANG, in that order.
Language language_from_environment();

class Messages {
 public:
  // A catalogue: one flat YAML map from key to text with {name} placeholders.
  static Result<Messages> parse(std::string_view yaml);
  // The catalogue that was built in.
  static const Messages& built_in(Language language);

  // The text with its placeholders filled; a key that is not there comes back as itself, in angle brackets.
  [[nodiscard]] std::string text(
      std::string_view key, std::initializer_list<std::pair<std::string_view, std::string_view>> values = {}) const;
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& all() const { return texts_; }

 private:
  std::map<std::string, std::string, std::less<>> texts_;
};

}  // namespace hinomi::base
