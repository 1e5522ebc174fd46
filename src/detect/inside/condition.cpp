// The condition: or < and < not < "1 of", "all of" < brackets.
#include <hinomi/detect/inside/detection.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace hinomi::detect::inside {
namespace {

struct Token {
  std::string text;
  bool is(std::string_view word) const {
    return std::ranges::equal(text, word, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
  }
};

// Whether `name` is of `pattern`, in which '*' stands for any run.
bool name_matches(std::string_view pattern, std::string_view name) {
  Pattern parsed;
  std::string literal;
  for (const char c : pattern) {
    if (c != '*') {
      literal += c;
      continue;
    }
    parsed.append_text(literal);
    literal.clear();
    parsed.append({.part = Pattern::Part::any_run, .text = {}});
  }
  parsed.append_text(literal);
  return parsed.matches(name);
}

class ConditionParser {
 public:
  ConditionParser(int line, const std::vector<Selection>& selections) : line_(line), selections_(selections) {}

  Read<NodePointer> parse(std::string_view text) {
    if (text.size() > 16'384) return bad("a condition longer than 16,384 bytes");
    auto tokens = split(text);
    if (!tokens) return std::unexpected(tokens.error());
    tokens_ = std::move(*tokens);
    auto out = either(0);
    if (out && at_ != tokens_.size()) return bad(fmt::format("condition: '{}' was not expected", tokens_[at_].text));
    if (out && tests_ > kMaxTests) return bad(fmt::format("more than {} tests in one rule", kMaxTests));
    return out;
  }

 private:
  std::unexpected<Problem> bad(std::string reason) const {
    return std::unexpected(Problem{.line = line_, .reason = std::move(reason)});
  }

  Read<std::vector<Token>> split(std::string_view text) const {
    std::vector<Token> out;
    const auto name_letter = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-' ||
             c == '*' || c == '.';
    };
    for (std::size_t i = 0; i < text.size();) {
      const char c = text[i];
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        ++i;
      } else if (c == '(' || c == ')') {
        out.push_back({std::string(1, c)});
        ++i;
      } else if (name_letter(c)) {
        const std::size_t from = i;
        while (i < text.size() && name_letter(text[i])) ++i;
        out.push_back({std::string(text.substr(from, i - from))});
      } else if (c == '|') {
        return bad("condition: '|' belongs to the old form of correlation, which is not supported");
      } else {
        return bad("condition: a character that does not belong into a condition");
      }
    }
    if (out.empty()) return bad("condition: empty");
    return out;
  }

  [[nodiscard]] bool next_is(std::string_view word) const { return at_ < tokens_.size() && tokens_[at_].is(word); }

  Read<NodePointer> chain(int depth, std::string_view word, Node::Kind kind,
                          Read<NodePointer> (ConditionParser::*part)(int)) {
    std::vector<NodePointer> parts;
    do {
      auto read = (this->*part)(depth);
      if (!read) return read;
      parts.push_back(std::move(*read));
    } while (next_is(word) && ++at_ > 0);
    return join(kind, std::move(parts));
  }
  Read<NodePointer> either(int depth) { return chain(depth, "or", Node::Kind::any, &ConditionParser::both); }
  Read<NodePointer> both(int depth) { return chain(depth, "and", Node::Kind::all, &ConditionParser::negation); }

  Read<NodePointer> negation(int depth) {
    if (depth > kMaxDepth) return bad(fmt::format("condition: nested deeper than {}", kMaxDepth));
    if (!next_is("not")) return operand(depth);
    ++at_;
    auto inner = negation(depth + 1);
    if (!inner) return inner;
    return join(Node::Kind::none, {std::move(*inner)});
  }

  Read<NodePointer> operand(int depth) {
    if (at_ == tokens_.size()) return bad("condition: ends where a selection was expected");
    const Token token = tokens_[at_++];
    if (token.text == "(") {
      auto inner = either(depth + 1);
      if (!inner) return inner;
      if (!next_is(")")) return bad("condition: a bracket is not closed");
      ++at_;
      return inner;
    }
    if (next_is("of")) {
      if (!token.is("1") && !token.is("any") && !token.is("all"))
        return bad(fmt::format("condition: '{} of' is not known: '1 of', 'any of' or 'all of'", token.text));
      ++at_;
      return several(token.is("all") ? Node::Kind::all : Node::Kind::any);
    }
    if (token.text == ")" || token.is("and") || token.is("or") || token.is("not") || token.is("of"))
      return bad(fmt::format("condition: '{}' where a selection was expected", token.text));
    for (const Selection& selection : selections_)
      if (selection.name == token.text) return counted(selection.tree);
    return bad(fmt::format("condition: there is no selection '{}'", token.text));
  }

  Read<NodePointer> several(Node::Kind kind) {
    if (at_ == tokens_.size()) return bad("condition: 'of' without what follows");
    const Token token = tokens_[at_++];
    const bool them = token.is("them");
    std::vector<NodePointer> trees;
    for (const Selection& selection : selections_) {
      const bool hidden = selection.name.starts_with('_');
      const bool named = selection.name == token.text;
      if (named || (!hidden && (them || name_matches(token.text, selection.name)))) {
        auto tree = counted(selection.tree);
        if (!tree) return tree;
        trees.push_back(std::move(*tree));
      }
    }
    if (trees.empty()) return bad(fmt::format("condition: no selection is named like '{}'", token.text));
    return join(kind, std::move(trees));
  }

  Read<NodePointer> counted(NodePointer tree) {
    tests_ += count_tests(*tree);
    if (tests_ > kMaxTests) return bad(fmt::format("more than {} tests in one rule", kMaxTests));
    return tree;
  }

  int line_;
  const std::vector<Selection>& selections_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t tests_ = 0;
};

}  // namespace

Read<NodePointer> read_condition(const base::Yaml& yaml, const std::vector<Selection>& selections) {
  std::vector<NodePointer> alternatives;
  const auto add = [&](const base::Yaml& text) -> Read<void> {
    if (!text.is_scalar() || text.is_null())
      return std::unexpected(Problem{.line = text.line(), .reason = "condition: a text was expected"});
    auto parsed = ConditionParser(text.line(), selections).parse(text.text());
    if (!parsed) return std::unexpected(parsed.error());
    alternatives.push_back(std::move(*parsed));
    return {};
  };
  if (yaml.is_list()) {
    if (yaml.items().empty() || yaml.items().size() > 64)
      return std::unexpected(Problem{.line = yaml.line(), .reason = "condition: 1 to 64 conditions were expected"});
    for (const base::Yaml& item : yaml.items())
      if (auto added = add(item); !added) return std::unexpected(added.error());
  } else if (auto added = add(yaml); !added) {
    return std::unexpected(added.error());
  }
  return join(Node::Kind::any, std::move(alternatives));
}

}  // namespace hinomi::detect::inside
