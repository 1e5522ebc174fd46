#include <hinomi/base/messages.hpp>
#include <hinomi/base/yaml.hpp>

#include <fmt/core.h>

#include <cstdlib>

// messages/*.yaml, put into the program by messages_data.S.in.
extern "C" {
extern const char hinomi_messages_en[];
extern const char hinomi_messages_en_end[];
extern const char hinomi_messages_ja[];
extern const char hinomi_messages_ja_end[];
}

namespace hinomi::base {

Language language_from(std::string_view locale) {
  return locale.starts_with("ja") ? Language::japanese : Language::english;
}

Language language_from_environment() {
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* value = std::getenv(name);  // read once at start, before threads
    if (value != nullptr && *value != '\0') return language_from(value);
  }
  return Language::english;
}

Result<Messages> Messages::parse(std::string_view yaml) {
  const Yaml document = TRY(Yaml::parse(yaml));
  if (!document.is_map()) return fail(Errc::malformed, "a message catalogue is one map from key to text");
  Messages out;
  for (const auto& [key, value] : document.entries()) {
    std::string text = TRY(value.as_text());
    out.texts_.emplace(key, std::move(text));
  }
  return out;
}

const Messages& Messages::built_in(Language language) {
  static const auto load = [](const char* begin, const char* end) {
    auto parsed = parse({begin, static_cast<std::size_t>(end - begin)});
    HINOMI_CHECK(parsed.has_value());
    return std::move(*parsed);
  };
  static const Messages english = load(hinomi_messages_en, hinomi_messages_en_end);
  static const Messages japanese = load(hinomi_messages_ja, hinomi_messages_ja_end);
  return language == Language::japanese ? japanese : english;
}

std::string Messages::text(std::string_view key,
                           std::initializer_list<std::pair<std::string_view, std::string_view>> values) const {
  const auto found = texts_.find(key);
  if (found == texts_.end()) return fmt::format("<{}>", key);
  std::string out;
  std::string_view rest = found->second;
  while (!rest.empty()) {
    const std::size_t open = rest.find('{');
    out += rest.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = rest.find('}', open);
    if (close == std::string_view::npos) {
      out += rest.substr(open);
      break;
    }
    const std::string_view name = rest.substr(open + 1, close - open - 1);
    bool filled = false;
    for (const auto& [candidate, value] : values) {
      if (candidate == name) {
        out += value;
        filled = true;
      }
    }
    if (!filled) out += rest.substr(open, close - open + 1);
    rest.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace hinomi::base
