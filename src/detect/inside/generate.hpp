// Makes rules and events out of arbitrary bytes, so that the plan can be held against the oracle: by a generator in the
// test, by the fuzzer's input when fuzzing. Small alphabets, so that rules hold often.
// Threads: one.
#pragma once

#include <hinomi/model/event.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::detect::inside {

class Choices {
 public:
  explicit Choices(std::string_view bytes) : bytes_(bytes) {}
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : next() % limit; }
  [[nodiscard]] bool done() const { return at_ >= bytes_.size(); }
  template <class T, std::size_t N>
  const T& one_of(const std::array<T, N>& from) {
    return from[below(N)];
  }

 private:
  unsigned char next() { return at_ < bytes_.size() ? static_cast<unsigned char>(bytes_[at_++]) : 0; }
  std::string_view bytes_;
  std::size_t at_ = 0;
};

inline std::string make_text(Choices& choices, bool wildcards) {
  constexpr std::array<std::string_view, 16> parts{"a",  "A",      "b",      "ab",     "/", "-",  " ",    "1",
                                                   "aB", "\u00e9", "\u00c9", "\u212a", "k", "火", "\\\\", "abab"};
  std::string out;
  const std::size_t count = choices.below(6);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t what = choices.below(wildcards ? 20 : 16);
    if (what < 16) out += parts[what];
    else if (what < 18) out += '*';
    else if (what == 18) out += '?';
    else out += "\\*";
  }
  return out;
}

// One rule file: three selections and a condition. Some do not load; that is part of the test.
inline std::string make_rule(Choices& choices, unsigned number) {
  constexpr std::array<std::string_view, 8> fields{
      "Image", "CommandLine", "User", "ParentImage", "ancestor_executables", "ProcessId", "Nothing", "Hashes"};
  constexpr std::array<std::string_view, 20> modifiers{"",
                                                       "",
                                                       "",
                                                       "|contains",
                                                       "|startswith",
                                                       "|endswith",
                                                       "|contains|all",
                                                       "|contains|cased",
                                                       "|cased",
                                                       "|re",
                                                       "|re|i",
                                                       "|windash",
                                                       "|windash|contains",
                                                       "|exists",
                                                       "|gt",
                                                       "|lte",
                                                       "|fieldref",
                                                       "|fieldref|contains",
                                                       "|neq",
                                                       "|base64offset|contains"};
  constexpr std::array<std::string_view, 12> conditions{"a",
                                                        "a and b",
                                                        "a or b",
                                                        "not a",
                                                        "a and not b",
                                                        "not (a or b)",
                                                        "1 of *",
                                                        "all of them",
                                                        "a and (b or not c)",
                                                        "not 1 of b*",
                                                        "(a or b) and (c or not a)",
                                                        "not a and not b"};
  const auto quoted = [](const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
      out += c;
      if (c == '\'') out += c;
    }
    return out + "'";
  };
  const auto value = [&](std::string_view modifier) -> std::string {
    if (modifier == "|exists") return choices.below(2) == 0 ? "true" : "false";
    if (modifier == "|gt" || modifier == "|lte") return std::to_string(choices.below(4));
    if (modifier.starts_with("|fieldref")) return std::string(choices.one_of(fields));
    if (modifier.starts_with("|re")) {
      constexpr std::array<std::string_view, 14> expressions{
          "ab",     "a.b",    "^a",          "b$",      "(ab|k)", "[a-b]{2}",  "a\\d?",
          "\u00c9", "ab.*kb", "(aB|/a).*-a", "aa|abab", "^/.*ab", "(ab){2}k?", "b(a|-)b.*\u706b"};
      return quoted(std::string(choices.one_of(expressions)));
    }
    if (modifier.empty() && choices.below(12) == 0) return "null";
    if (modifier.empty() && choices.below(8) == 0) return std::to_string(choices.below(3));
    return quoted(make_text(choices, !modifier.starts_with("|base64")));
  };
  std::string id = "00000000-0000-4000-8000-000000000000";
  for (std::size_t i = 0; i < 8; ++i) id[i] = "0123456789abcdef"[(number >> (28 - 4 * i)) & 15];
  std::string out = "title: r\nid: " + id + "\nlogsource:\n  category: ";
  out += choices.below(8) == 0 ? "network_connection" : "process_creation";
  out += "\ndetection:\n";
  for (const char* name : {"a", "b", "c"}) {
    out += "  " + std::string(name) + ":\n";
    if (choices.below(10) == 0) {
      out += "    - " + quoted(make_text(choices, true)) + "\n";
      continue;
    }
    const std::size_t items = 1 + choices.below(2);
    std::string last;
    for (std::size_t i = 0; i < items; ++i) {
      const std::string_view modifier = choices.one_of(modifiers);
      std::string key = std::string(choices.one_of(fields)) + std::string(modifier);
      if (key == last) continue;
      last = key;
      out += "    " + key + ":";
      const std::size_t values = modifier == "|exists" ? 1 : 1 + choices.below(3);
      if (values == 1) {
        out += " " + value(modifier) + "\n";
      } else {
        out += "\n";
        for (std::size_t k = 0; k < values; ++k) out += "      - " + value(modifier) + "\n";
      }
    }
  }
  return out + "  condition: " + std::string(choices.one_of(conditions)) + "\n";
}

inline model::Event make_event(Choices& choices) {
  using model::Field;
  model::Event event;
  event.kind = choices.below(6) == 0 ? model::EventKind::network_connect : model::EventKind::process_start;
  for (const Field field :
       {Field::process_executable, Field::process_arguments, Field::process_user_name, Field::parent_executable}) {
    if (choices.below(4) == 0) continue;
    std::string text = make_text(choices, true);
    if (choices.below(12) == 0) text += '\xff';
    if (field == Field::process_user_name) text = choices.below(2) == 0 ? "2" : text;
    event.set(field, std::string_view(text));
  }
  if (choices.below(2) == 0) event.set(Field::process_id, std::uint64_t{choices.below(4)});
  if (choices.below(3) == 0) event.set(Field::process_sha256, base::sha256(make_text(choices, false)));
  if (choices.below(2) == 0) {
    std::vector<std::string> items(choices.below(3));
    for (std::string& item : items) item = make_text(choices, false);
    event.set(Field::ancestor_executables, model::FieldValue(items));
  }
  return event;
}

}  // namespace hinomi::detect::inside
