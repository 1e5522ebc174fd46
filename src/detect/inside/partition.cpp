#include <hinomi/detect/inside/detection.hpp>
#include <hinomi/detect/inside/partition.hpp>

#include <re2/filtered_re2.h>

#include <algorithm>
#include <map>

namespace hinomi::detect::inside {
namespace {

using Place = Test::Place;
using Code = Instruction::Code;

struct Witness {
  std::vector<std::uint32_t> predicates;
  double cost = 0;  // how often it is expected to hold; lower is better
};

// What one field's automaton may hold; tests beyond it are tried on every value (slower, same answer).
constexpr std::size_t kMaxLiteralBytes = 512U << 10;
// Literals that one regular expression may wait for.
constexpr std::size_t kMaxAtoms = 256;

// The parts of a slot that are still growing.
struct SlotDraft {
  Slot slot;
  std::size_t literal_bytes = 0;
  std::map<std::string, std::uint32_t> literals;
};

class PartitionCompiler {
 public:
  explicit PartitionCompiler(std::string category) : out_(std::make_unique<Partition>()) {
    out_->category = std::move(category);
  }

  void add(const Rule& rule, std::uint32_t index) {
    Program program;
    program.rule = index;
    leaves_.clear();
    collect(*rule.condition);
    program.leaves = leaves_;
    program.first = static_cast<std::uint32_t>(out_->code.size());
    cursor_ = 0;
    emit(*rule.condition);
    program.last = static_cast<std::uint32_t>(out_->code.size());
    const auto number = static_cast<std::uint32_t>(out_->programs.size());
    cursor_ = 0;
    if (const auto found = witness(*rule.condition, false)) {
      for (const std::uint32_t predicate : found->predicates) out_->witnessed[predicate].push_back(number);
    } else {
      out_->always.push_back(number);
    }
    out_->programs.push_back(std::move(program));
  }

  std::unique_ptr<Partition> finish() {
    for (auto& [source, draft] : slots_) {
      std::vector<std::string> literals(draft.literals.size());
      for (const auto& [text, number] : draft.literals) literals[number] = text;
      for (const std::string& text : literals)
        draft.slot.literal_length.push_back(static_cast<std::uint32_t>(text.size()));
      draft.slot.automaton = Automaton::build(literals);
      out_->slots.push_back(std::move(draft.slot));
    }
    for (auto& programs : out_->witnessed) {
      std::ranges::sort(programs);
      const auto tail = std::ranges::unique(programs);
      programs.erase(tail.begin(), tail.end());
    }
    out_->predicates = costs_.size();
    return std::move(out_);
  }

 private:
  void collect(const Node& node) {
    if (node.kind == Node::Kind::test) leaves_.push_back(predicate_of(node.test));
    for (const NodePointer& child : node.children) collect(*child);
  }

  // The one predicate of all equal tests.
  std::uint32_t predicate_of(const Test& test) {
    ++out_->tests;
    const auto [at, fresh] = known_.try_emplace(test.key(), static_cast<std::uint32_t>(costs_.size()));
    if (fresh) {
      out_->witnessed.emplace_back();
      costs_.push_back(place(test, at->second));
    }
    return at->second;
  }

  SlotDraft& slot_of(const Source& source) {
    SlotDraft& draft = slots_[source];
    draft.slot.source = source;
    return draft;
  }

  // Puts a new predicate where it will be answered; returns how often it is expected to hold.
  double place(const Test& test, std::uint32_t predicate) {
    const Source source = test.field.empty() ? Source{.kind = Source::Kind::keywords} : source_named(test.field);
    if (test.kind == Test::Kind::field_reference) {
      const Source right = source_named(test.text);
      if (source.kind == Source::Kind::nowhere || right.kind == Source::Kind::nowhere) return 0;
      out_->references.push_back({.predicate = predicate, .test = &test, .left = source, .right = right});
      return 0.5;
    }
    if (source.kind == Source::Kind::nowhere) {
      if (test.kind != Test::Kind::absent) return 0;  // never holds
      out_->constant.push_back(predicate);
      return 1;
    }
    SlotDraft& draft = slot_of(source);
    Slot& slot = draft.slot;
    switch (test.kind) {
      case Test::Kind::exists: slot.when_present.push_back(predicate); return 1;
      case Test::Kind::absent: slot.when_absent.push_back(predicate); return 1;
      case Test::Kind::cidr: slot.networks.emplace_back(predicate, &test); return 0.3;
      case Test::Kind::regex: return place_regex(test, predicate, draft);
      case Test::Kind::pattern: return place_pattern(test, predicate, draft);
      default: slot.numbers.emplace_back(predicate, &test); return 0.5;
    }
  }

  static std::uint32_t add_check(Slot& slot, const Test& test, std::uint32_t predicate) {
    slot.checks.push_back({.predicate = predicate, .test = &test, .folded = {}, .regex = nullptr});
    return static_cast<std::uint32_t>(slot.checks.size() - 1);
  }

  static void add_literal(SlotDraft& draft, const std::string& folded, Target target) {
    const auto [at, fresh] = draft.literals.try_emplace(folded, static_cast<std::uint32_t>(draft.literals.size()));
    if (fresh) {
      draft.slot.literal_targets.emplace_back();
      draft.literal_bytes += folded.size();
    }
    draft.slot.literal_targets[at->second].push_back(target);
  }

  static double rarity(std::size_t length) { return 1.0 / static_cast<double>((1 + length) * (1 + length)); }

  double place_pattern(const Test& test, std::uint32_t predicate, SlotDraft& draft) {
    const Pattern folded = test.pattern.folded();
    const auto& pieces = folded.pieces;
    const auto is = [&](std::size_t i, Pattern::Part part) { return pieces[i].part == part; };
    const bool boolean = draft.slot.source.kind == Source::Kind::field &&
                         model::row_of(draft.slot.source.field).type == model::FieldType::boolean;
    Target target{.predicate = predicate};
    if (pieces.size() == 1 && is(0, Pattern::Part::any_run)) {
      draft.slot.any_value.push_back(predicate);
      return 1;
    }
    if (!folded.has_wildcards()) {
      if (test.cased) target.check = add_check(draft.slot, test, predicate);
      draft.slot.exact[folded.plain()].push_back(target);
      return boolean ? 0.5 : rarity(folded.plain().size());
    }
    const std::size_t literals =
        static_cast<std::size_t>(std::ranges::count(pieces, Pattern::Part::literal, &Pattern::Piece::part));
    const bool single_ones = std::ranges::count(pieces, Pattern::Part::any_one, &Pattern::Piece::part) > 0;
    const bool leading = is(0, Pattern::Part::any_run);
    const bool trailing = is(pieces.size() - 1, Pattern::Part::any_run);
    const auto longest = std::ranges::max_element(pieces, {}, [](const auto& piece) { return piece.text.size(); });
    const bool room = draft.literal_bytes + longest->text.size() <= kMaxLiteralBytes;
    const bool simple = literals == 1 && !single_ones && !test.cased && room;
    if (simple) {
      target.place = leading && trailing ? Place::anywhere : leading ? Place::end : Place::start;
    } else {
      target.check = add_check(draft.slot, test, predicate);
      if (!test.cased) draft.slot.checks.back().folded = folded;
    }
    if (literals == 0 || !room) {
      draft.slot.always_checked.push_back(target.check);
      return 1;
    }
    add_literal(draft, longest->text, target);
    return rarity(longest->text.size());
  }

  // A regular expression is tried when one of the literals that it cannot do without was found. RE2 knows them; only
  // ASCII ones are used, because beyond ASCII its folding and ours may differ.
  double place_regex(const Test& test, std::uint32_t predicate, SlotDraft& draft) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_never_capture(true);
    const std::uint32_t check = add_check(draft.slot, test, predicate);
    draft.slot.checks.back().regex = std::make_unique<re2::RE2>(test.text, options);
    re2::FilteredRE2 filter(2);
    int id = 0;
    std::vector<std::string> atoms;
    if (filter.Add(test.text, options, &id) == re2::RE2::NoError) filter.Compile(&atoms);
    std::vector<int> unfiltered;
    filter.AllPotentials({}, &unfiltered);  // passes without any atom: the filter says nothing
    const bool ascii = std::ranges::all_of(atoms, [](const std::string& atom) {
      return std::ranges::all_of(atom, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    });
    if (atoms.empty() || atoms.size() > kMaxAtoms || !unfiltered.empty() || !ascii) {
      draft.slot.always_checked.push_back(check);
      return 0.5;
    }
    // Not all of them need to be waited for: those are left out, the shortest first, with which alone the expression
    // could still not match.
    std::vector<int> order;
    order.reserve(atoms.size());
    for (std::size_t i = 0; i < atoms.size(); ++i) order.push_back(static_cast<int>(i));
    std::ranges::sort(order, {},
                      [&](int atom) { return std::pair(atoms[static_cast<std::size_t>(atom)].size(), atom); });
    std::vector<int> left_out;
    std::vector<std::string> awaited;
    for (const int atom : order) {
      left_out.push_back(atom);
      std::vector<int> possible;
      filter.AllPotentials(left_out, &possible);
      if (possible.empty()) continue;
      left_out.pop_back();
      awaited.push_back(atoms[static_cast<std::size_t>(atom)]);
    }
    std::size_t bytes = draft.literal_bytes;
    for (const std::string& atom : awaited) bytes += atom.size();
    if (bytes > kMaxLiteralBytes) {
      draft.slot.always_checked.push_back(check);
      return 0.5;
    }
    double cost = 0;
    for (const std::string& atom : awaited) {
      add_literal(draft, fold(atom), {.predicate = predicate, .check = check, .place = Place::anywhere});
      cost += rarity(atom.size());
    }
    return std::min(cost, 1.0);
  }

  void emit(Code code, std::uint32_t a = 0, std::uint32_t b = 0) {
    out_->code.push_back({.code = code, .a = a, .b = b});
  }

  // Leaves the node's truth in the accumulator. Tests of a list come first, together; then the rest until one decides.
  void emit(const Node& node) {
    if (node.kind == Node::Kind::test) {
      emit(Code::load, leaves_[cursor_++]);
      return;
    }
    if (node.kind == Node::Kind::none) {
      emit(*node.children.front());
      emit(Code::negate);
      return;
    }
    const bool all = node.kind == Node::Kind::all;
    const auto first = static_cast<std::uint32_t>(out_->operands.size());
    std::vector<std::pair<const Node*, std::size_t>> others;
    for (const NodePointer& child : node.children) {
      if (child->kind == Node::Kind::test) {
        out_->operands.push_back(leaves_[cursor_++]);
      } else {
        others.emplace_back(child.get(), cursor_);
        cursor_ += count_tests(*child);
      }
    }
    const std::size_t after = cursor_;
    const auto count = static_cast<std::uint32_t>(out_->operands.size()) - first;
    std::vector<std::size_t> jumps;
    bool something = count > 0;
    if (something) emit(all ? Code::load_all : Code::load_any, first, count);
    for (const auto& [child, at] : others) {
      if (something) {
        jumps.push_back(out_->code.size());
        emit(all ? Code::jump_if_false : Code::jump_if_true);
      }
      something = true;
      cursor_ = at;
      emit(*child);
    }
    for (const std::size_t jump : jumps) out_->code[jump].a = static_cast<std::uint32_t>(out_->code.size());
    cursor_ = after;
  }

  // A set of predicates of which at least one holds whenever the node (or, negated, its opposite) does.
  std::optional<Witness> witness(const Node& node, bool negated) {
    if (node.kind == Node::Kind::test) {
      const std::uint32_t predicate = leaves_[cursor_++];
      if (negated) return std::nullopt;
      return Witness{.predicates = {predicate}, .cost = costs_[predicate]};
    }
    if (node.kind == Node::Kind::none) return witness(*node.children.front(), !negated);
    const bool needs_all = (node.kind == Node::Kind::all) != negated;
    std::optional<Witness> out;
    bool complete = true;
    for (const NodePointer& child : node.children) {
      auto found = witness(*child, negated);  // must be called for each: it advances the cursor
      if (!found) {
        complete = false;
      } else if (needs_all) {
        if (!out || found->cost < out->cost) out = std::move(found);
      } else if (!out) {
        out = std::move(found);
      } else {
        out->predicates.insert(out->predicates.end(), found->predicates.begin(), found->predicates.end());
        out->cost += found->cost;
      }
    }
    if (!needs_all && !complete) return std::nullopt;
    return out;
  }

  std::unique_ptr<Partition> out_;
  std::unordered_map<std::string, std::uint32_t> known_;
  std::vector<double> costs_;
  std::map<Source, SlotDraft> slots_;
  std::vector<std::uint32_t> leaves_;
  std::size_t cursor_ = 0;
};

}  // namespace

Source source_named(std::string_view name) {
  if (name == "Hashes") return {.kind = Source::Kind::hashes, .field = model::Field::process_sha256};
  for (const model::FieldRow& row : model::all_fields())
    if (!row.sigma.empty() && row.sigma == name) return {.kind = Source::Kind::field, .field = row.field};
  if (const auto field = model::field_named(name)) return {.kind = Source::Kind::field, .field = *field};
  return {};
}

std::unique_ptr<Partition> compile_partition(const std::vector<Rule>& rules,
                                             const std::vector<std::uint32_t>& applicable, std::string category) {
  PartitionCompiler compiler(std::move(category));
  for (const std::uint32_t index : applicable) compiler.add(rules[index], index);
  return compiler.finish();
}

}  // namespace hinomi::detect::inside
