// The slow, obvious evaluator: walks each rule's tree and asks each test of the event anew. For tests and fuzzing only:
// what it says is what the plan must say. It shares the rule reader with the plan and nothing of the matching.
// Threads: pure functions.
#pragma once

#include <hinomi/detect/rule.hpp>
#include <hinomi/model/event.hpp>

#include <re2/re2.h>

#include <cctype>
#include <cstdlib>
#include <string>
#include <vector>

namespace hinomi::detect::inside::oracle {

struct Value {
  bool present = false;
  std::vector<std::string> texts;
};

inline Value value_of(const model::Event& event, const std::string& name) {
  Value out;
  for (const auto& [field, value] : event.fields) {
    const model::FieldRow& row = model::row_of(field);
    const bool named = row.sigma.empty() ? row.name == name : row.sigma == name || row.name == name;
    const bool hashes = name == "Hashes" && field == model::Field::process_sha256;
    if (!named && !hashes) continue;
    out.present = true;
    for (std::string text : model::texts_of(field, value)) {
      if (hashes) {
        for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        text = "SHA256=" + text;
      }
      out.texts.push_back(text);
    }
  }
  return out;
}

inline std::size_t code_point_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
}

// Rows of a table: which prefixes of the value the first pieces can take.
inline bool matches(const Pattern& pattern, const std::string& value) {
  std::vector<bool> reach(value.size() + 1, false);
  reach[0] = true;
  for (const Pattern::Piece& piece : pattern.pieces) {
    std::vector<bool> next(value.size() + 1, false);
    for (std::size_t i = 0; i <= value.size(); ++i) {
      if (!reach[i]) continue;
      if (piece.part == Pattern::Part::any_run) {
        for (std::size_t k = i; k <= value.size(); ++k) next[k] = true;
        break;
      }
      if (piece.part == Pattern::Part::any_one) {
        if (i < value.size()) next[std::min(value.size(), i + code_point_length(value[i]))] = true;
      } else if (value.compare(i, piece.text.size(), piece.text) == 0) {
        next[i + piece.text.size()] = true;
      }
    }
    // A run ends between characters, not within one.
    for (std::size_t i = 0; i < value.size(); ++i)
      if ((static_cast<unsigned char>(value[i]) & 0xc0) == 0x80) next[i] = false;
    reach = next;
  }
  return reach[value.size()];
}

inline bool holds_on_text(const Test& test, const std::string& text) {
  switch (test.kind) {
    case Test::Kind::pattern:
      return test.cased ? matches(test.pattern, text) : matches(test.pattern.folded(), fold(text));
    case Test::Kind::regex: {
      re2::RE2::Options options(re2::RE2::Quiet);
      return re2::RE2::PartialMatch(text, re2::RE2(test.text, options));
    }
    case Test::Kind::cidr: {
      const auto address = base::IpAddress::parse(text);
      return address && test.network.contains(*address);
    }
    case Test::Kind::less:
    case Test::Kind::less_equal:
    case Test::Kind::greater:
    case Test::Kind::greater_equal: {
      if (text.empty() || (std::isdigit(static_cast<unsigned char>(text[0])) == 0 && text[0] != '-' && text[0] != '.'))
        return false;
      if (text.find_first_not_of("0123456789+-.eE") != std::string::npos) return false;
      char* end = nullptr;
      const double number = std::strtod(text.c_str(), &end);
      if (end != text.c_str() + text.size()) return false;
      if (test.kind == Test::Kind::less) return number < test.number;
      if (test.kind == Test::Kind::less_equal) return number <= test.number;
      if (test.kind == Test::Kind::greater) return number > test.number;
      return number >= test.number;
    }
    default: return false;
  }
}

inline bool holds(const Test& test, const model::Event& event) {
  if (test.field.empty()) {
    for (const auto& [field, value] : event.fields)
      for (const std::string& text : model::texts_of(field, value))
        if (holds_on_text(test, text)) return true;
    return false;
  }
  const Value value = value_of(event, test.field);
  if (test.kind == Test::Kind::exists) return value.present;
  if (test.kind == Test::Kind::absent) return !value.present;
  if (test.kind == Test::Kind::field_reference) {
    for (std::string left : value.texts) {
      for (std::string right : value_of(event, test.text).texts) {
        if (!test.cased) {
          left = fold(left);
          right = fold(right);
        }
        const std::size_t at = left.find(right);
        if (test.place == Test::Place::whole && left == right) return true;
        if (test.place == Test::Place::anywhere && at != std::string::npos) return true;
        if (test.place == Test::Place::start && at == 0) return true;
        if (test.place == Test::Place::end && left.size() >= right.size() &&
            left.substr(left.size() - right.size()) == right)
          return true;
      }
    }
    return false;
  }
  for (const std::string& text : value.texts)
    if (holds_on_text(test, text)) return true;
  return false;
}

inline bool holds(const Node& node, const model::Event& event) {
  if (node.kind == Node::Kind::test) return holds(node.test, event);
  if (node.kind == Node::Kind::none) return !holds(*node.children.front(), event);
  for (const NodePointer& child : node.children) {
    const bool truth = holds(*child, event);
    if (truth != (node.kind == Node::Kind::all)) return truth;
  }
  return node.kind == Node::Kind::all;
}

inline bool holds(const Rule& rule, const model::Event& event, std::string_view product = "linux") {
  const std::string_view category = model::row_of(event.kind).sigma_category;
  const LogSource& source = rule.log_source;
  if (category.empty() || !source.service.empty()) return false;
  if (!source.product.empty() && source.product != product) return false;
  if (!source.category.empty() && source.category != category) return false;
  return holds(*rule.condition, event);
}

}  // namespace hinomi::detect::inside::oracle
