#include <hinomi/detect/inside/detection.hpp>

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace hinomi::detect::inside {
namespace {

using base::Yaml;
using Place = Test::Place;

enum class Encoding : std::uint8_t { none, utf16le, utf16be, utf16 };
enum class Base64 : std::uint8_t { none, whole, offset };

struct Modifiers {
  std::optional<Place> place;  // contains, startswith, endswith
  bool all = false;
  bool cased = false;
  bool negated = false;
  bool windash = false;
  bool regex = false;
  std::string regex_flags;
  Encoding encoding = Encoding::none;
  Base64 base64 = Base64::none;
  bool cidr = false;
  bool exists = false;
  bool field_reference = false;
  std::optional<Test::Kind> compare;
};

constexpr std::size_t kMaxValue = 8192;

std::unexpected<Problem> problem(int line, std::string reason) {
  return std::unexpected(Problem{.line = line, .reason = std::move(reason)});
}

// Reads "Image|endswith|windash" from the first '|'. Modifiers apply left to right; an order that would change the
// meaning is refused.
Read<Modifiers> read_modifiers(std::string_view chain, int line) {
  Modifiers out;
  bool first = true;
  bool text_modifier = false;  // contains and the like, windash, encodings, cased
  while (!chain.empty()) {
    const std::size_t bar = chain.find('|');
    const std::string_view name = chain.substr(0, bar);
    chain = bar == std::string_view::npos ? std::string_view() : chain.substr(bar + 1);
    const auto conflict = [&](std::string_view with) {
      return problem(line, fmt::format("modifier '{}' cannot follow {}", name, with));
    };
    const auto text_only = [&]() -> std::optional<std::string_view> {
      if (out.regex) return "'re'";
      if (out.cidr) return "'cidr'";
      if (out.exists) return "'exists'";
      if (out.compare) return "a comparison";
      return std::nullopt;
    };
    const bool is_place = name == "contains" || name == "startswith" || name == "endswith";
    const bool is_encoding = name == "wide" || name == "utf16le" || name == "utf16be" || name == "utf16";
    if (is_place) {
      if (out.regex && name == "contains") {
        // A regular expression is searched for anyway.
      } else if (const auto with = text_only()) {
        return conflict(*with);
      } else {
        if (out.place) return conflict("another of contains, startswith, endswith");
        out.place = name == "contains" ? Place::anywhere : name == "startswith" ? Place::start : Place::end;
        text_modifier = true;
      }
    } else if (name == "all") {
      out.all = true;
    } else if (name == "cased") {
      if (const auto with = text_only()) return conflict(*with);
      out.cased = true;
      text_modifier = true;
    } else if (name == "neq") {
      out.negated = true;
    } else if (name == "windash") {
      if (const auto with = text_only()) return conflict(*with);
      if (out.field_reference) return conflict("'fieldref'");
      if (out.encoding != Encoding::none || out.base64 != Base64::none) return conflict("an encoding");
      out.windash = true;
      text_modifier = true;
    } else if (is_encoding) {
      if (const auto with = text_only()) return conflict(*with);
      if (out.field_reference) return conflict("'fieldref'");
      if (out.encoding != Encoding::none || out.base64 != Base64::none || out.place)
        return conflict("another encoding or a place");
      out.encoding = name == "utf16be" ? Encoding::utf16be : name == "utf16" ? Encoding::utf16 : Encoding::utf16le;
      text_modifier = true;
    } else if (name == "base64" || name == "base64offset") {
      if (const auto with = text_only()) return conflict(*with);
      if (out.field_reference) return conflict("'fieldref'");
      if (out.base64 != Base64::none || out.place) return conflict("another encoding or a place");
      out.base64 = name == "base64" ? Base64::whole : Base64::offset;
      text_modifier = true;
    } else if (name == "re") {
      if (!first) return conflict("another modifier");
      out.regex = true;
    } else if (name == "i" || name == "ignorecase" || name == "m" || name == "multiline" || name == "s" ||
               name == "dotall") {
      if (!out.regex) return problem(line, fmt::format("modifier '{}' belongs to 're'", name));
      out.regex_flags += name == "dotall" ? 's' : name.front();
    } else if (name == "cidr" || name == "exists" || name == "lt" || name == "lte" || name == "gt" || name == "gte") {
      if (text_modifier || text_only() || out.field_reference) return conflict("another modifier");
      if (name == "cidr") out.cidr = true;
      else if (name == "exists") out.exists = true;
      else if (name == "lt") out.compare = Test::Kind::less;
      else if (name == "lte") out.compare = Test::Kind::less_equal;
      else if (name == "gt") out.compare = Test::Kind::greater;
      else out.compare = Test::Kind::greater_equal;
    } else if (name == "fieldref") {
      if (const auto with = text_only()) return conflict(*with);
      if (out.windash || out.encoding != Encoding::none || out.base64 != Base64::none)
        return conflict("a modifier that changes the text");
      out.field_reference = true;
    } else if (name == "expand") {
      return problem(line, "modifier 'expand': no values are configured for placeholders");
    } else {
      return problem(line, fmt::format("modifier '{}' is not known", name.substr(0, 40)));
    }
    first = false;
  }
  if (out.exists && (out.all || out.negated)) return problem(line, "modifier 'exists' stands alone");
  return out;
}

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Each dash (\B[-/]\b) in each of its five spellings, all combinations.
Read<std::vector<Pattern>> spell_dashes(const Pattern& pattern, int line) {
  constexpr std::array<std::string_view, 5> spellings{"-", "/", "\u2013", "\u2014", "\u2015"};
  constexpr std::size_t most = 3125;
  std::vector<Pattern> out(1);
  for (const Pattern::Piece& piece : pattern.pieces) {
    if (piece.part != Pattern::Part::literal) {
      for (Pattern& each : out) each.append(piece);
      continue;
    }
    const std::string& text = piece.text;
    std::size_t from = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool dash = text[i] == '-' || text[i] == '/';
      const bool after_word = i > 0 && is_word(text[i - 1]);
      const bool before_word = i + 1 < text.size() && is_word(text[i + 1]);
      if (!dash || after_word || !before_word) continue;
      std::vector<Pattern> next;
      if (out.size() * spellings.size() > most || out.size() * text.size() > 65'536)
        return problem(line, "modifier 'windash': too many dashes in one value");
      for (const Pattern& each : out) {
        for (const std::string_view spelling : spellings) {
          Pattern variant = each;
          variant.append_text(std::string_view(text).substr(from, i - from));
          variant.append_text(spelling);
          next.push_back(std::move(variant));
        }
      }
      out = std::move(next);
      from = i + 1;
    }
    for (Pattern& each : out) each.append_text(std::string_view(text).substr(from));
  }
  return out;
}

std::string to_utf16(std::string_view text, Encoding encoding) {
  std::string out;
  if (encoding == Encoding::utf16) out = "\xff\xfe";
  const auto unit = [&](std::uint32_t value) {
    const char low = static_cast<char>(value & 0xff);
    const char high = static_cast<char>(value >> 8);
    out += encoding == Encoding::utf16be ? high : low;
    out += encoding == Encoding::utf16be ? low : high;
  };
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    std::uint32_t code = length == 1 ? byte : byte & (0xffU >> (length + 1));
    for (std::size_t k = 1; k < length && i + k < text.size(); ++k)
      code = (code << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3fU);
    i += length;
    if (code < 0x10000) {
      unit(code);
    } else {
      unit(0xd800 + ((code - 0x10000) >> 10));
      unit(0xdc00 + ((code - 0x10000) & 0x3ff));
    }
  }
  return out;
}

// What a text looks like inside base64 at each of three alignments, without the characters that its neighbours change.
std::vector<std::string> base64_at_offsets(std::string_view text) {
  constexpr std::array<std::size_t, 3> starts{0, 2, 3};
  constexpr std::array<std::size_t, 3> cuts{0, 3, 2};
  std::vector<std::string> out;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string encoded = base::to_base64(std::string(i, ' ') + std::string(text));
    const std::size_t cut = cuts[(text.size() + i) % 3];
    out.push_back(encoded.substr(starts[i], encoded.size() - cut - starts[i]));
  }
  return out;
}

class ItemReader {
 public:
  ItemReader(std::string field, Modifiers modifiers) : field_(std::move(field)), modifiers_(std::move(modifiers)) {}

  Read<NodePointer> read(const Yaml& value) {
    if (value.is_map()) return problem(value.line(), "a value, not a map, was expected");
    std::vector<NodePointer> alternatives;
    if (value.is_list()) {
      if (value.items().empty()) return problem(value.line(), "a list without values");
      for (const Yaml& item : value.items()) {
        if (!item.is_scalar()) return problem(item.line(), "a list within a list of values");
        if (item.is_null()) return problem(item.line(), "null must not stand in a list");
        auto read = one(item);
        if (!read) return read;
        alternatives.push_back(std::move(*read));
      }
    } else {
      auto read = one(value);
      if (!read) return read;
      alternatives.push_back(std::move(*read));
    }
    NodePointer joined = join(modifiers_.all ? Node::Kind::all : Node::Kind::any, std::move(alternatives));
    return modifiers_.negated ? join(Node::Kind::none, {std::move(joined)}) : joined;
  }

 private:
  Test test(Test::Kind kind) const { return {.field = field_, .kind = kind, .cased = modifiers_.cased}; }
  static NodePointer leaf(Test test) {
    return std::make_shared<Node>(Node{.kind = Node::Kind::test, .test = std::move(test)});
  }

  Read<NodePointer> one(const Yaml& value) {
    const int line = value.line();
    if (value.text().size() > kMaxValue) return problem(line, fmt::format("a value longer than {} bytes", kMaxValue));
    const bool fielded = modifiers_.exists || modifiers_.cidr || modifiers_.compare || modifiers_.field_reference;
    if (field_.empty() && (fielded || value.is_null()))
      return problem(line, "this test needs a field: keywords are texts");
    if (modifiers_.exists) {
      if (value.kind() != Yaml::Kind::boolean) return problem(line, "modifier 'exists' takes true or false");
      return leaf(test(*value.as_boolean() ? Test::Kind::exists : Test::Kind::absent));
    }
    if (value.is_null()) {
      const bool modified = fielded || modifiers_.regex || modifiers_.place || modifiers_.cased || modifiers_.windash ||
                            modifiers_.encoding != Encoding::none || modifiers_.base64 != Base64::none;
      if (modified) return problem(line, "null takes no modifier");
      return leaf(test(Test::Kind::absent));
    }
    if (modifiers_.regex) return regex(value);
    if (modifiers_.cidr) {
      Test out = test(Test::Kind::cidr);
      const auto network = base::Cidr::parse(value.text());
      if (!network) return problem(line, network.error().what);
      out.network = *network;
      return leaf(std::move(out));
    }
    if (modifiers_.compare) {
      Test out = test(*modifiers_.compare);
      const std::string& text = value.text();
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.number);
      if (value.kind() != Yaml::Kind::number || error != std::errc{} || end != text.data() + text.size())
        return problem(line, "a comparison takes a number");
      return leaf(std::move(out));
    }
    if (modifiers_.field_reference) {
      Test out = test(Test::Kind::field_reference);
      out.text = value.text();
      out.place = modifiers_.place.value_or(Place::whole);
      return leaf(std::move(out));
    }
    return text(value);
  }

  Read<NodePointer> regex(const Yaml& value) {
    Test out = test(Test::Kind::regex);
    std::string flags;
    for (const char flag : modifiers_.regex_flags)
      if (flags.find(flag) == std::string::npos) flags += flag;
    out.text = flags.empty() ? value.text() : fmt::format("(?{}){}", flags, value.text());
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_never_capture(true);
    const re2::RE2 compiled(out.text, options);
    if (!compiled.ok()) return problem(value.line(), fmt::format("regular expression: {}", compiled.error()));
    return leaf(std::move(out));
  }

  Read<NodePointer> text(const Yaml& value) {
    const int line = value.line();
    std::vector<Pattern> patterns{Pattern::parse(value.text())};
    if (modifiers_.windash) {
      auto spelled = spell_dashes(patterns.front(), line);
      if (!spelled) return std::unexpected(spelled.error());
      patterns = std::move(*spelled);
    }
    if (modifiers_.encoding != Encoding::none || modifiers_.base64 != Base64::none) {
      std::vector<Pattern> encoded;
      for (const Pattern& pattern : patterns) {
        if (pattern.has_wildcards()) return problem(line, "an encoded value takes no wildcards");
        std::string plain = pattern.plain();
        if (modifiers_.encoding != Encoding::none) plain = to_utf16(plain, modifiers_.encoding);
        if (modifiers_.base64 == Base64::offset) {
          for (const std::string& each : base64_at_offsets(plain)) encoded.push_back(Pattern::literal(each));
        } else {
          if (modifiers_.base64 == Base64::whole) plain = base::to_base64(plain);
          encoded.push_back(Pattern::literal(plain));
        }
      }
      patterns = std::move(encoded);
    }
    std::vector<NodePointer> alternatives;
    for (Pattern& pattern : patterns) {
      const bool anywhere = field_.empty() || modifiers_.place == Place::anywhere;
      if (anywhere || modifiers_.place == Place::end) pattern = pattern.with_leading_run();
      if (anywhere || modifiers_.place == Place::start) pattern = pattern.with_trailing_run();
      Test out = test(Test::Kind::pattern);
      out.pattern = std::move(pattern);
      alternatives.push_back(leaf(std::move(out)));
    }
    return join(Node::Kind::any, std::move(alternatives));
  }

  std::string field_;
  Modifiers modifiers_;
};

Read<NodePointer> read_item(std::string_view key, const Yaml& value) {
  const std::size_t bar = key.find('|');
  auto modifiers =
      read_modifiers(bar == std::string_view::npos ? std::string_view() : key.substr(bar + 1), value.line());
  if (!modifiers) return std::unexpected(modifiers.error());
  return ItemReader(std::string(key.substr(0, bar)), std::move(*modifiers)).read(value);
}

}  // namespace

NodePointer join(Node::Kind kind, std::vector<NodePointer> children) {
  if (children.size() == 1 && kind != Node::Kind::none) return std::move(children.front());
  return std::make_shared<Node>(Node{.kind = kind, .children = std::move(children)});
}

Read<NodePointer> read_selection(const Yaml& yaml) {
  if (yaml.is_map()) {
    if (yaml.entries().empty()) return problem(yaml.line(), "a selection without fields");
    std::vector<NodePointer> items;
    for (const auto& [key, value] : yaml.entries()) {
      auto item = read_item(key, value);
      if (!item) return item;
      items.push_back(std::move(*item));
    }
    return join(Node::Kind::all, std::move(items));
  }
  if (!yaml.is_list()) return read_item("", yaml);  // one keyword
  if (yaml.items().empty()) return problem(yaml.line(), "a selection without values");
  std::vector<NodePointer> alternatives;
  for (const Yaml& item : yaml.items()) {
    if (item.is_list()) return problem(item.line(), "a list within a selection's list");
    auto alternative = item.is_map() ? read_selection(item) : read_item("", item);
    if (!alternative) return alternative;
    alternatives.push_back(std::move(*alternative));
  }
  return join(Node::Kind::any, std::move(alternatives));
}

std::size_t count_tests(const Node& node) {
  if (node.kind == Node::Kind::test) return 1;
  std::size_t count = 0;
  for (const NodePointer& child : node.children) count += count_tests(*child);
  return count;
}

}  // namespace hinomi::detect::inside
