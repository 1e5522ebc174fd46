#include <hinomi/base/escape.hpp>
#include <hinomi/detect/inside/memo.hpp>
#include <hinomi/detect/inside/partition.hpp>
#include <hinomi/detect/plan.hpp>

#include <algorithm>
#include <charconv>

namespace hinomi::detect {
namespace inside {
namespace {

constexpr std::uint8_t kHashesKind = 0x40;  // keeps what is made of several fields apart in the memo

std::string_view view_of_number(std::uint64_t number, std::string& buffer) {
  buffer.resize(20);
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  buffer.resize(static_cast<std::size_t>(end - buffer.data()));
  return buffer;
}

// The value as rules see it, as model::texts_of gives it, without a copy where none is needed.
std::string_view view_of_text(model::FieldType type, std::string_view raw, std::string& buffer) {
  switch (type) {
    case model::FieldType::digest: buffer = base::to_hex(raw); return buffer;
    case model::FieldType::address: {
      const auto address = base::IpAddress::from_bytes(raw);
      buffer = address ? address->text() : base::to_hex(raw);
      return buffer;
    }
    case model::FieldType::arguments:
      if (raw.ends_with('\0')) raw.remove_suffix(1);
      buffer.assign(raw);
      std::ranges::replace(buffer, '\0', ' ');
      if (!is_ascii(buffer) && !base::is_valid_utf8(buffer)) buffer = base::to_utf8_lossy(buffer);
      return buffer;
    default: {
      if (is_ascii(raw) || base::is_valid_utf8(raw)) return raw;
      buffer = base::to_utf8_lossy(raw);
      return buffer;
    }
  }
}

bool compares(Test::Kind kind, double value, double with) {
  switch (kind) {
    case Test::Kind::less: return value < with;
    case Test::Kind::less_equal: return value <= with;
    case Test::Kind::greater: return value > with;
    default: return value >= with;
  }
}

std::vector<std::string> values_of(const model::Event& event, const Source& source) {
  const model::FieldValue* value = event.find(source.field);
  if (value == nullptr) return {};
  std::vector<std::string> out = model::texts_of(source.field, *value);
  if (source.kind == Source::Kind::hashes)
    for (std::string& text : out) {
      std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' && c <= 'f' ? c - 32 : c; });
      text.insert(0, "SHA256=");
    }
  return out;
}

bool refers(const Test& test, std::string value, std::string other) {
  if (!test.cased) {
    value = fold(value);
    other = fold(other);
  }
  switch (test.place) {
    case Test::Place::anywhere: return value.find(other) != std::string::npos;
    case Test::Place::start: return value.starts_with(other);
    case Test::Place::end: return value.ends_with(other);
    default: return value == other;
  }
}

}  // namespace

// One thread's working memory.
struct MatcherState {
  explicit MatcherState(const std::vector<std::unique_ptr<Partition>>& partitions) {
    for (const auto& part : partitions) {
      Working& memory = each.emplace_back();
      memory.bits.resize((part->predicates + 63) / 64);
      memory.memos.resize(part->slots.size());
      memory.candidate.resize(part->programs.size());
      for (const Slot& slot : part->slots) most_checks = std::max(most_checks, slot.checks.size());
    }
    checked.resize(most_checks);
  }

  struct Working {
    std::vector<std::uint64_t> bits;
    std::vector<Memo> memos;  // by slot
    std::vector<std::uint8_t> candidate;
  };
  std::vector<Working> each;  // by partition

  // Of the event at hand.
  const Partition* partition = nullptr;
  Working* working = nullptr;
  std::vector<std::uint32_t> holding;     // predicates whose bit is set
  std::vector<std::uint32_t> candidates;  // programs to run

  // Of the value at hand.
  std::vector<std::uint32_t> found;
  std::vector<std::uint32_t> checked;  // by check: the stamp of the value it was last tried on
  std::uint32_t stamp = 0;
  std::size_t most_checks = 0;
  std::string text_buffer;
  std::string folded;

  [[nodiscard]] bool holds(std::uint32_t predicate) const {
    return (working->bits[predicate / 64] >> (predicate % 64) & 1U) != 0;
  }

  void set(std::uint32_t predicate) {
    std::uint64_t& word = working->bits[predicate / 64];
    const std::uint64_t bit = std::uint64_t{1} << (predicate % 64);
    if ((word & bit) != 0) return;
    word |= bit;
    holding.push_back(predicate);
    for (const std::uint32_t program : partition->witnessed[predicate]) {
      if (working->candidate[program] != 0) continue;
      working->candidate[program] = 1;
      candidates.push_back(program);
    }
  }
  void set(const std::vector<std::uint32_t>& predicates) {
    for (const std::uint32_t predicate : predicates) set(predicate);
  }

  void hit(const Slot& slot, const Target& target, std::string_view text) {
    if (target.check == kNoCheck) found.push_back(target.predicate);
    else try_check(slot, target.check, text);
  }

  void try_check(const Slot& slot, std::uint32_t number, std::string_view text) {
    if (checked[number] == stamp) return;
    checked[number] = stamp;
    const Check& check = slot.checks[number];
    const bool good = check.regex != nullptr ? re2::RE2::PartialMatch({text.data(), text.size()}, *check.regex)
                      : check.test->cased    ? check.test->pattern.matches(text)
                                             : check.folded.matches(folded);
    if (good) found.push_back(check.predicate);
  }

  // Finds the predicates of one value. `found` may name one more than once.
  void look_at(const Slot& slot, std::string_view text) {
    found.assign(slot.any_value.begin(), slot.any_value.end());
    if (++stamp == 0) {
      std::ranges::fill(checked, 0);
      stamp = 1;
    }
    fold_into(text, folded);
    if (const auto at = slot.exact.find(std::string_view(folded)); at != slot.exact.end())
      for (const Target& target : at->second) hit(slot, target, text);
    slot.automaton.scan(folded, [&](std::uint32_t literal, std::size_t end) {
      for (const Target& target : slot.literal_targets[literal]) {
        if (target.place == Test::Place::start && end != slot.literal_length[literal]) continue;
        if (target.place == Test::Place::end && end != folded.size()) continue;
        hit(slot, target, text);
      }
    });
    for (const std::uint32_t check : slot.always_checked) try_check(slot, check, text);
    if (!slot.numbers.empty() && !text.empty() &&
        (text[0] == '-' || text[0] == '.' || (text[0] >= '0' && text[0] <= '9'))) {
      double value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error == std::errc{} && end == text.data() + text.size())
        for (const auto& [predicate, test] : slot.numbers)
          if (compares(test->kind, value, test->number)) found.push_back(predicate);
    }
    if (!slot.networks.empty()) {
      if (const auto address = base::IpAddress::parse(text))
        for (const auto& [predicate, test] : slot.networks)
          if (test->network.contains(*address)) found.push_back(predicate);
    }
  }

  // `make` gives the text; it is not called for a value that the memo knows.
  template <class Make>
  void look_up(const Slot& slot, Memo& memo, std::uint8_t kind, std::string_view raw, Make&& make) {
    if (const auto* known = memo.find(kind, raw)) {
      set(*known);
      return;
    }
    look_at(slot, make());
    std::ranges::sort(found);
    const auto tail = std::ranges::unique(found);
    found.erase(tail.begin(), tail.end());
    memo.keep(kind, raw, found);
    set(found);
  }

  void look_at_value(const Slot& slot, Memo& memo, model::Field field, const model::FieldValue& value) {
    const model::FieldType type = model::row_of(field).type;
    const auto kind = static_cast<std::uint8_t>(type);
    if (const auto* number = std::get_if<std::uint64_t>(&value)) {
      const std::string_view raw(reinterpret_cast<const char*>(number), sizeof *number);
      look_up(slot, memo, kind, raw, [&]() -> std::string_view {
        if (type == model::FieldType::boolean) return *number != 0 ? "true" : "false";
        if (type == model::FieldType::number) return view_of_number(*number, text_buffer);
        text_buffer = base::Time{static_cast<std::int64_t>(*number)}.rfc3339();
        return text_buffer;
      });
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      look_up(slot, memo, kind, *text, [&] { return view_of_text(type, *text, text_buffer); });
    } else {
      for (const std::string& item : std::get<std::vector<std::string>>(value))
        look_up(slot, memo, kind, item, [&] { return view_of_text(type, item, text_buffer); });
    }
  }

  void look_at_event(const model::Event& event) {
    auto at = event.fields.begin();
    for (std::size_t i = 0; i < partition->slots.size(); ++i) {
      const Slot& slot = partition->slots[i];
      Memo& memo = working->memos[i];
      switch (slot.source.kind) {
        case Source::Kind::field: {
          while (at != event.fields.end() && at->first < slot.source.field) ++at;
          if (at == event.fields.end() || at->first != slot.source.field) {
            set(slot.when_absent);
          } else {
            set(slot.when_present);
            look_at_value(slot, memo, at->first, at->second);
          }
          break;
        }
        case Source::Kind::hashes: {
          const std::vector<std::string> values = values_of(event, slot.source);
          set(values.empty() ? slot.when_absent : slot.when_present);
          for (const std::string& text : values) look_up(slot, memo, kHashesKind, text, [&] { return text; });
          break;
        }
        case Source::Kind::keywords:
          for (const auto& [field, value] : event.fields) look_at_value(slot, memo, field, value);
          break;
        case Source::Kind::nowhere: break;
      }
    }
    for (const Reference& reference : partition->references) {
      const std::vector<std::string> left = values_of(event, reference.left);
      const std::vector<std::string> right = values_of(event, reference.right);
      const bool good = std::ranges::any_of(left, [&](const std::string& value) {
        return std::ranges::any_of(right,
                                   [&](const std::string& other) { return refers(*reference.test, value, other); });
      });
      if (good) set(reference.predicate);
    }
  }

  [[nodiscard]] bool run(const Program& program) const {
    bool truth = false;
    for (std::uint32_t at = program.first; at < program.last; ++at) {
      const Instruction& instruction = partition->code[at];
      const auto operands = [&] { return std::span(partition->operands).subspan(instruction.a, instruction.b); };
      const auto holding_one = [this](std::uint32_t predicate) { return holds(predicate); };
      switch (instruction.code) {
        case Instruction::Code::load: truth = holds(instruction.a); break;
        case Instruction::Code::load_any: truth = std::ranges::any_of(operands(), holding_one); break;
        case Instruction::Code::load_all: truth = std::ranges::all_of(operands(), holding_one); break;
        case Instruction::Code::negate: truth = !truth; break;
        case Instruction::Code::jump_if_false:
          if (!truth) at = instruction.a - 1;
          break;
        case Instruction::Code::jump_if_true:
          if (truth) at = instruction.a - 1;
          break;
      }
    }
    return truth;
  }

  // Which tests made the node hold. `leaf` walks the program's leaves in step with the tree.
  bool explain(const Node& node, std::span<const std::uint32_t>& leaves, std::vector<const Test*>& out) const {
    if (node.kind == Node::Kind::test) {
      const bool truth = holds(leaves.front());
      leaves = leaves.subspan(1);
      if (truth) out.push_back(&node.test);
      return truth;
    }
    const std::size_t before = out.size();
    if (node.kind == Node::Kind::none) {
      const bool truth = !explain(*node.children.front(), leaves, out);
      out.resize(before);  // what is not there explains nothing
      return truth;
    }
    bool all = true;
    bool any = false;
    for (const NodePointer& child : node.children) {
      const bool truth = explain(*child, leaves, out);
      all = all && truth;
      any = any || truth;
    }
    const bool truth = node.kind == Node::Kind::all ? all : any;
    if (!truth) out.resize(before);
    return truth;
  }

  void begin(const Partition& with, Working& memory) {
    partition = &with;
    working = &memory;
    set(with.constant);
    for (const std::uint32_t program : with.always) {
      working->candidate[program] = 1;
      candidates.push_back(program);
    }
  }

  void end() {
    for (const std::uint32_t predicate : holding) working->bits[predicate / 64] = 0;
    for (const std::uint32_t program : candidates) working->candidate[program] = 0;
    holding.clear();
    candidates.clear();
  }
};

}  // namespace inside

namespace {

std::vector<model::MatchedField> fields_of(const model::Event& event, const std::vector<const Test*>& tests) {
  std::vector<model::MatchedField> out;
  for (const Test* test : tests) {
    model::MatchedField matched{.field = test->field};
    if (test->field.empty()) {
      matched.field = "keywords";
      matched.value = test->pattern.text();
    } else {
      for (const std::string& text : inside::values_of(event, inside::source_named(test->field))) {
        if (!matched.value.empty()) matched.value += ", ";
        matched.value += text;
      }
      if (matched.value.empty()) continue;
    }
    const bool known = std::ranges::any_of(out, [&](const model::MatchedField& other) {
      return other.field == matched.field && (!test->field.empty() || other.value == matched.value);
    });
    if (!known) out.push_back(std::move(matched));
  }
  return out;
}

}  // namespace

Plan::Plan(RuleSet set) : set_(std::move(set)) { partition_of_kind_.fill(-1); }
Plan::~Plan() = default;

const Rule* Plan::find(std::string_view id) const {
  const auto at =
      std::ranges::lower_bound(set_.rules, id, {}, [](const Rule& rule) { return std::string_view(rule.ref.id); });
  return at != set_.rules.end() && at->ref.id == id ? &*at : nullptr;
}

Plan::Figures Plan::figures() const {
  Figures out;
  std::vector<bool> running(set_.rules.size());
  for (const auto& partition : partitions_) {
    for (const inside::Program& program : partition->programs) running[program.rule] = true;
    out.predicates += partition->predicates;
    out.tests += partition->tests;
    out.rules_without_witness += partition->always.size();
    for (const inside::Slot& slot : partition->slots) {
      out.automaton_states += slot.automaton.states();
      out.automaton_bytes += slot.automaton.bytes();
    }
  }
  out.rules_running = static_cast<std::size_t>(std::ranges::count(running, true));
  return out;
}

std::shared_ptr<const Plan> compile(RuleSet set, std::string_view product) {
  std::shared_ptr<Plan> plan(new Plan(std::move(set)));
  for (const model::KindRow& kind : model::all_kinds()) {
    if (kind.sigma_category.empty()) continue;
    auto& number = plan->partition_of_kind_[static_cast<std::uint8_t>(kind.kind)];
    for (std::size_t i = 0; i < plan->partitions_.size(); ++i)
      if (plan->partitions_[i]->category == kind.sigma_category) number = static_cast<std::int16_t>(i);
    if (number >= 0) continue;
    std::vector<std::uint32_t> applicable;
    for (std::size_t i = 0; i < plan->set_.rules.size(); ++i) {
      const LogSource& source = plan->set_.rules[i].log_source;
      if ((source.product.empty() || source.product == product) && source.service.empty() &&
          (source.category.empty() || source.category == kind.sigma_category))
        applicable.push_back(static_cast<std::uint32_t>(i));
    }
    number = static_cast<std::int16_t>(plan->partitions_.size());
    plan->partitions_.push_back(
        inside::compile_partition(plan->set_.rules, applicable, std::string(kind.sigma_category)));
  }
  return plan;
}

Matcher::Matcher(std::shared_ptr<const Plan> plan)
    : plan_(std::move(plan)), state_(std::make_unique<inside::MatcherState>(plan_->partitions_)) {}
Matcher::~Matcher() = default;
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;

void Matcher::match(const model::Event& event, std::vector<Match>& out) {
  out.clear();
  const std::int16_t number = plan_->partition_of_kind_[static_cast<std::uint8_t>(event.kind)];
  if (number < 0) return;
  const inside::Partition& partition = *plan_->partitions_[static_cast<std::size_t>(number)];
  if (partition.programs.empty()) return;
  inside::MatcherState& state = *state_;
  state.begin(partition, state.each[static_cast<std::size_t>(number)]);
  state.look_at_event(event);
  std::ranges::sort(state.candidates);
  for (const std::uint32_t candidate : state.candidates) {
    const inside::Program& program = partition.programs[candidate];
    if (!state.run(program)) continue;
    const Rule& rule = plan_->set_.rules[program.rule];
    std::vector<const Test*> tests;
    std::span<const std::uint32_t> leaves(program.leaves);
    state.explain(*rule.condition, leaves, tests);
    out.push_back({.rule = &rule, .fields = fields_of(event, tests)});
  }
  state.end();
}

}  // namespace hinomi::detect
