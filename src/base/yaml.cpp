#include <hinomi/base/yaml.hpp>

#include <fmt/core.h>
#include <yaml.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

namespace hinomi::base {
namespace {

constexpr std::size_t kMaxText = 4U << 20;
constexpr std::size_t kMaxNodes = 400'000;
constexpr int kMaxDepth = 64;

bool looks_null(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}
bool looks_true(std::string_view text) { return text == "true" || text == "True" || text == "TRUE"; }
bool looks_false(std::string_view text) { return text == "false" || text == "False" || text == "FALSE"; }
bool looks_number(std::string_view text) {
  double value = 0;
  if (text.empty() || !((text[0] >= '0' && text[0] <= '9') || text[0] == '-' || text[0] == '.')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

// Builds trees from libyaml's event stream. Aliases are copied, and the copies count against the node limit.
class YamlBuilder {
 public:
  explicit YamlBuilder(std::string_view text) {
    HINOMI_CHECK(yaml_parser_initialize(&parser_) == 1);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~YamlBuilder() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }
  YamlBuilder(const YamlBuilder&) = delete;
  YamlBuilder& operator=(const YamlBuilder&) = delete;

  Result<std::vector<Yaml>> build() {
    std::vector<Yaml> documents;
    while (true) {
      TRY_VOID(advance());
      if (event_.type == YAML_STREAM_END_EVENT) return documents;
      if (event_.type == YAML_DOCUMENT_START_EVENT) {
        anchors_.clear();
        TRY_VOID(advance());
        Yaml document = TRY(node(0));
        documents.push_back(std::move(document));
      }
    }
  }

 private:
  Status advance() {
    yaml_event_delete(&event_);
    if (yaml_parser_parse(&parser_, &event_) == 1) return {};
    return fail(Errc::malformed, fmt::format("line {}: not YAML: {}", parser_.problem_mark.line + 1,
                                             parser_.problem != nullptr ? parser_.problem : "unreadable"));
  }

  Status count(std::size_t nodes) {
    nodes_ += nodes;
    if (nodes_ > kMaxNodes)
      return fail(Errc::too_large, fmt::format("line {}: more than {} YAML nodes", line(), kMaxNodes));
    return {};
  }
  [[nodiscard]] int line() const { return static_cast<int>(event_.start_mark.line) + 1; }

  static std::size_t size_of(const Yaml& tree) {
    std::size_t size = 1;
    for (const Yaml& item : tree.items_) size += size_of(item);
    for (const auto& [key, value] : tree.entries_) size += size_of(value);
    return size;
  }

  // The node that the current event starts; leaves the parser at its last event.
  Result<Yaml> node(int depth) {
    if (depth > kMaxDepth)
      return fail(Errc::too_large, fmt::format("line {}: nested deeper than {}", line(), kMaxDepth));
    TRY_VOID(count(1));
    Yaml out;
    out.line_ = line();
    std::string anchor;
    switch (event_.type) {
      case YAML_ALIAS_EVENT: {
        const auto found = anchors_.find(reinterpret_cast<const char*>(event_.data.alias.anchor));
        if (found == anchors_.end()) return fail(Errc::malformed, fmt::format("line {}: alias without anchor", line()));
        TRY_VOID(count(size_of(found->second)));
        return found->second;
      }
      case YAML_SCALAR_EVENT: {
        const auto& scalar = event_.data.scalar;
        if (scalar.anchor != nullptr) anchor = reinterpret_cast<const char*>(scalar.anchor);
        out.text_.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
        out.kind_ = Yaml::Kind::text;
        if (scalar.style == YAML_PLAIN_SCALAR_STYLE) {
          if (looks_null(out.text_)) out.kind_ = Yaml::Kind::null;
          else if (looks_true(out.text_) || looks_false(out.text_)) out.kind_ = Yaml::Kind::boolean;
          else if (looks_number(out.text_)) out.kind_ = Yaml::Kind::number;
        }
        break;
      }
      case YAML_SEQUENCE_START_EVENT: {
        if (event_.data.sequence_start.anchor != nullptr)
          anchor = reinterpret_cast<const char*>(event_.data.sequence_start.anchor);
        out.kind_ = Yaml::Kind::list;
        TRY_VOID(advance());
        while (event_.type != YAML_SEQUENCE_END_EVENT) {
          Yaml item = TRY(node(depth + 1));
          out.items_.push_back(std::move(item));
          TRY_VOID(advance());
        }
        break;
      }
      case YAML_MAPPING_START_EVENT: {
        if (event_.data.mapping_start.anchor != nullptr)
          anchor = reinterpret_cast<const char*>(event_.data.mapping_start.anchor);
        out.kind_ = Yaml::Kind::map;
        std::set<std::string> seen;
        TRY_VOID(advance());
        while (event_.type != YAML_MAPPING_END_EVENT) {
          if (event_.type != YAML_SCALAR_EVENT)
            return fail(Errc::malformed, fmt::format("line {}: a map's keys must be plain text", line()));
          std::string key(reinterpret_cast<const char*>(event_.data.scalar.value), event_.data.scalar.length);
          if (!seen.insert(key).second)
            return fail(Errc::malformed, fmt::format("line {}: '{}' stands twice in one map", line(), key));
          TRY_VOID(advance());
          Yaml value = TRY(node(depth + 1));
          out.entries_.emplace_back(std::move(key), std::move(value));
          TRY_VOID(advance());
        }
        break;
      }
      default: return fail(Errc::malformed, fmt::format("line {}: a value was expected here", line()));
    }
    if (!anchor.empty()) anchors_.insert_or_assign(anchor, out);
    return out;
  }

  yaml_parser_t parser_{};
  yaml_event_t event_{};
  std::size_t nodes_ = 0;
  std::map<std::string, Yaml, std::less<>> anchors_;
};

Result<std::vector<Yaml>> Yaml::parse_all(std::string_view text) {
  if (text.size() > kMaxText) return fail(Errc::too_large, fmt::format("more than {} bytes of YAML", kMaxText));
  return YamlBuilder(text).build();
}

Result<Yaml> Yaml::parse(std::string_view text) {
  std::vector<Yaml> documents = TRY(parse_all(text));
  if (documents.size() != 1)
    return fail(Errc::malformed, fmt::format("one YAML document was expected, {} found", documents.size()));
  return std::move(documents.front());
}

const Yaml* Yaml::find(std::string_view key) const {
  for (const auto& [name, value] : entries_)
    if (name == key) return &value;
  return nullptr;
}

Result<bool> Yaml::as_boolean() const {
  if (kind_ == Kind::boolean) return looks_true(text_);
  return fail(Errc::malformed, fmt::format("line {}: true or false was expected", line_));
}

Result<std::int64_t> Yaml::as_integer() const {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
  if (kind_ == Kind::number && error == std::errc{} && end == text_.data() + text_.size()) return value;
  return fail(Errc::malformed, fmt::format("line {}: a whole number was expected", line_));
}

Result<std::string> Yaml::as_text() const {
  if (is_scalar() && !is_null()) return text_;
  return fail(Errc::malformed, fmt::format("line {}: a text was expected", line_));
}

Result<std::vector<std::string>> Yaml::as_text_list() const {
  std::vector<std::string> out;
  if (!is_list()) {
    std::string only = TRY(as_text());
    out.push_back(std::move(only));
    return out;
  }
  for (const Yaml& item : items_) {
    std::string text = TRY(item.as_text());
    out.push_back(std::move(text));
  }
  return out;
}

std::vector<std::pair<std::string, int>> Yaml::unknown_keys(std::initializer_list<std::string_view> known) const {
  std::vector<std::pair<std::string, int>> out;
  for (const auto& [key, value] : entries_)
    if (std::ranges::find(known, key) == known.end()) out.emplace_back(key, value.line());
  return out;
}

}  // namespace hinomi::base
