#include <hinomi/base/escape.hpp>
#include <hinomi/detect/inside/detection.hpp>
#include <hinomi/detect/rule.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

namespace hinomi::detect {
namespace {

using base::Yaml;
using inside::Problem;
using inside::Read;

constexpr std::size_t kMaxRules = 50'000;

std::unexpected<Problem> problem(int line, std::string reason) {
  return std::unexpected(Problem{.line = line, .reason = std::move(reason)});
}

// Errors of base::Yaml begin with "line N: ".
Problem from_yaml(const base::Error& error) {
  int line = 0;
  std::string_view what = error.what;
  if (what.starts_with("line ")) {
    std::size_t i = 5;
    for (; i < what.size() && what[i] >= '0' && what[i] <= '9' && line < 100'000'000; ++i)
      line = line * 10 + (what[i] - '0');
    if (what.substr(i).starts_with(": ")) what.remove_prefix(i + 2);
  }
  return {.line = line, .reason = std::string(what)};
}

class RuleReader {
 public:
  explicit RuleReader(const Yaml& yaml) : yaml_(yaml) {}

  Read<Rule> read() {
    if (!yaml_.is_map()) return problem(yaml_.line(), "a rule is a map");
    for (const std::string_view other : {"correlation", "filter", "action"})
      if (yaml_.find(other) != nullptr) return problem(yaml_.line(), fmt::format("'{}' is not supported", other));
    Rule out;
    out.ref.id = text("id");
    out.ref.title = text("title");
    out.ref.author = text("author");
    out.ref.tags = texts("tags");
    out.description = text("description");
    out.status = text("status");
    out.date = text("date");
    out.references = texts("references");
    out.false_positives = texts("falsepositives");
    if (const std::string level = text("level"); !level.empty()) {
      const auto named = model::level_named(level);
      if (named) out.ref.level = *named;
      else note(yaml_.find("level")->line(), named.error().what);
    }
    if (out.ref.title.empty()) note(yaml_.line(), "'title' is missing");
    if (!out.ref.id.empty() && !base::Uuid::parse(out.ref.id)) note(yaml_.find("id")->line(), "'id' is not a UUID");
    if (const Yaml* own = yaml_.find("hinomi"); own != nullptr) {
      for (const auto& [key, line] : own->unknown_keys({"title_ja", "description_ja"}))
        note(line, fmt::format("hinomi: '{}' is not known", key.substr(0, 40)));
      out.title_ja = text("title_ja", own);
      out.description_ja = text("description_ja", own);
    }
    read_log_source(out.log_source);
    if (first_) return std::unexpected(*first_);
    auto condition = read_detection();
    if (!condition) return std::unexpected(condition.error());
    out.condition = std::move(*condition);
    return out;
  }

 private:
  void note(int line, std::string reason) {
    if (!first_) first_ = Problem{.line = line, .reason = std::move(reason)};
  }

  // The text under `key`; empty if it is not there.
  std::string text(std::string_view key, const Yaml* in = nullptr) {
    const Yaml* value = (in != nullptr ? in : &yaml_)->find(key);
    if (value == nullptr || value->is_null()) return {};
    if (value->is_scalar()) return value->text();
    note(value->line(), fmt::format("'{}': a text was expected", key));
    return {};
  }

  std::vector<std::string> texts(std::string_view key) {
    const Yaml* value = yaml_.find(key);
    if (value == nullptr || value->is_null()) return {};
    auto list = value->as_text_list();
    if (list) return std::move(*list);
    note(value->line(), fmt::format("'{}': a list of texts was expected", key));
    return {};
  }

  void read_log_source(LogSource& out) {
    const Yaml* source = yaml_.find("logsource");
    if (source == nullptr || !source->is_map() || source->entries().empty()) {
      note(source != nullptr ? source->line() : yaml_.line(), "'logsource' is missing");
      return;
    }
    out.product = text("product", source);
    out.category = text("category", source);
    out.service = text("service", source);
    if (out.product.empty() && out.category.empty() && out.service.empty())
      note(source->line(), "'logsource' names no product, category or service");
  }

  Read<NodePointer> read_detection() {
    const Yaml* detection = yaml_.find("detection");
    if (detection == nullptr || !detection->is_map()) return problem(yaml_.line(), "'detection' is missing");
    const Yaml* condition = nullptr;
    std::vector<inside::Selection> selections;
    for (const auto& [name, value] : detection->entries()) {
      if (name == "condition") {
        condition = &value;
      } else if (name == "timeframe") {
        return problem(value.line(), "'timeframe' belongs to the old form of correlation, which is not supported");
      } else {
        auto tree = inside::read_selection(value);
        if (!tree) return tree;
        selections.push_back({.name = name, .tree = std::move(*tree)});
      }
    }
    if (condition == nullptr) return problem(detection->line(), "'condition' is missing");
    return inside::read_condition(*condition, selections);
  }

  const Yaml& yaml_;
  std::optional<Problem> first_;
};

}  // namespace

std::string Test::key() const {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}/{}\n{}", field, static_cast<int>(kind), cased, static_cast<int>(place),
                     pattern.text(), text, network.network.text(), network.prefix_bits, number);
}

std::string RuleError::text() const {
  return line > 0 ? fmt::format("{}:{}: {}", file, line, reason) : fmt::format("{}: {}", file, reason);
}

RuleSet load_rules(std::vector<RuleFile> files) {
  std::ranges::sort(files, {}, &RuleFile::name);
  RuleSet out;
  base::Sha256 whole;
  std::set<std::string> ids;
  for (RuleFile& file : files) {
    const base::Digest digest = base::sha256(file.bytes);
    whole.update(file.name).update(base::ByteView("\0", 1)).update(digest.bytes());
    const auto refuse = [&](Problem why) {
      out.errors.push_back({.file = file.name, .line = why.line, .reason = base::escape_for_display(why.reason)});
    };
    const auto documents = Yaml::parse_all(file.bytes);
    if (!documents) {
      refuse(from_yaml(documents.error()));
      continue;
    }
    if (documents->empty()) refuse({.line = 0, .reason = "no rule in this file"});
    for (std::size_t i = 0; i < documents->size(); ++i) {
      auto rule = RuleReader((*documents)[i]).read();
      if (!rule) {
        refuse(rule.error());
        continue;
      }
      // A rule without an id of its own is named by its file's bytes.
      if (rule->ref.id.empty())
        rule->ref.id = base::Uuid::named(base::kHinomiNamespace, fmt::format("rule\n{}\n{}", digest.hex(), i)).text();
      if (!ids.insert(rule->ref.id).second) {
        refuse({.line = (*documents)[i].line(), .reason = fmt::format("another rule has the id {}", rule->ref.id)});
      } else if (out.rules.size() == kMaxRules) {
        refuse({.line = (*documents)[i].line(), .reason = fmt::format("more than {} rules", kMaxRules)});
      } else {
        rule->ref.digest = digest;
        rule->file = file.name;
        rule->source = file.bytes;
        out.rules.push_back(std::move(*rule));
      }
    }
  }
  std::ranges::sort(out.rules, {}, [](const Rule& rule) { return std::tie(rule.ref.id, rule.ref.digest); });
  out.digest = whole.finish();
  return out;
}

}  // namespace hinomi::detect
