#include <hinomi/base/escape.hpp>
#include <hinomi/judge/held.hpp>
#include <hinomi/judge/judge.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace hinomi::judge {
namespace {

using model::EventKind;
using model::Field;

constexpr std::size_t kMostSuspects = 4096;
constexpr std::size_t kMostWellKnown = 16'384;
constexpr std::size_t kMostReferences = 64;
constexpr std::size_t kMostPrograms = 1024;
constexpr std::size_t kMostAwaited = 4;
constexpr std::string_view kStateVersion = "hinomi-judge-1\n";

// Keeps `into` sorted and each once; full lists stay as they are. Whether something came in.
template <class T>
bool merge(std::vector<T>& into, const std::vector<T>& from) {
  bool changed = false;
  for (const T& item : from) {
    const auto at = std::ranges::lower_bound(into, item);
    if ((at != into.end() && *at == item) || into.size() >= kMostReferences) continue;
    into.insert(at, item);
    changed = true;
  }
  return changed;
}

std::uint32_t confidence_of(model::Level level) { return level == model::Level::critical ? 80 : 60; }

// The state's form: fields one after another, each text with its length in front.
class Writer {
 public:
  void text(std::string_view value) {
    base::put_u32le(out_, static_cast<std::uint32_t>(value.size()));
    out_ += value;
  }
  void number(std::uint64_t value) { base::put_u64le(out_, value); }
  void raw(std::string_view bytes) { out_ += bytes; }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}
  base::Result<std::string> text() {
    const std::string_view size = TRY(raw(4));
    const std::string_view value = TRY(raw(base::get_u32le(size)));
    return std::string(value);
  }
  base::Result<std::uint64_t> number() {
    const std::string_view bytes = TRY(raw(8));
    return base::get_u64le(bytes);
  }
  // A count of things that take at least one byte each.
  base::Result<std::uint64_t> count() {
    const std::uint64_t value = TRY(number());
    if (value > in_.size()) return base::fail(base::Errc::corrupt, "judge state: a count beyond the end");
    return value;
  }
  base::Result<std::string_view> raw(std::size_t size) {
    if (size > in_.size()) return base::fail(base::Errc::corrupt, "judge state: cut short");
    const std::string_view out = in_.substr(0, size);
    in_.remove_prefix(size);
    return out;
  }
  [[nodiscard]] bool done() const { return in_.empty(); }

 private:
  std::string_view in_;
};

}  // namespace

std::vector<model::Indicator> Judge::observe(const model::RecordedEvent& recorded,
                                             const std::vector<model::Finding>& findings) {
  Changed changed;
  const model::Event& event = recorded.event;
  const std::string guid(event.bytes(Field::process_guid));
  learn(recorded, changed);

  Suspect nameless;  // of an event that names no process: nothing to remember
  Suspect* suspect = nullptr;
  bool found_now = false;
  for (const model::Finding& finding : findings) {
    if (finding.rule.level < model::Level::high) continue;
    if (suspect == nullptr) suspect = guid.empty() ? &nameless : &suspect_of(guid);
    add_ground(suspect->ground, recorded, finding);
    found_now = true;
  }
  if (suspect == nullptr && !guid.empty()) {
    const auto known = suspects_.find(guid);
    if (known != suspects_.end()) suspect = &known->second;
  }
  if (suspect != nullptr) {
    if (found_now || event.kind == EventKind::process_digest) take_programs(recorded, *suspect, changed);
    if (event.kind == EventKind::network_connect) take_destination(recorded, suspect->ground, changed);
  }

  std::vector<model::Indicator> out;
  for (const auto& [id, indicator] : changed) out.push_back(*indicator);
  return out;
}

// Notes what every machine of this organisation has, and what a process outside the system folders runs.
void Judge::learn(const model::RecordedEvent& recorded, Changed& changed) {
  const model::Event& event = recorded.event;
  if (event.kind != EventKind::process_start && event.kind != EventKind::process_digest) return;
  const std::string_view path = event.bytes(Field::process_executable);
  if (const auto digest = event.digest(Field::process_sha256)) {
    if (is_system_path(path)) {
      learn_system_program(recorded, path, *digest, changed);
    } else if (const std::string guid(event.bytes(Field::process_guid)); !guid.empty()) {
      if (programs_.insert_or_assign(guid, Program{.path = std::string(path), .digest = *digest}).second) {
        program_order_.push_back(guid);
        if (program_order_.size() > kMostPrograms) {
          programs_.erase(program_order_.front());
          program_order_.pop_front();
        }
      }
    }
  }
  const std::string_view script = event.bytes(Field::process_script);
  if (const auto digest = event.digest(Field::process_script_sha256); digest && is_system_path(script))
    learn_system_program(recorded, script, *digest, changed);
}

void Judge::learn_system_program(const model::RecordedEvent& recorded, std::string_view path,
                                 const base::Digest& digest, Changed& changed) {
  if (!well_known_.try_emplace(digest, path).second) return;
  well_known_order_.push_back(digest);
  if (well_known_order_.size() > kMostWellKnown) {
    well_known_.erase(well_known_order_.front());
    well_known_order_.pop_front();
  }
  // A copy may have been seen before the original.
  const auto at = indicators_.find(
      model::make_indicator_id(options_.producer, options_.naming, model::IndicatorType::file_sha256, digest.hex()));
  if (at == indicators_.end() || at->second.state != model::IndicatorState::candidate) return;
  at->second.state = model::IndicatorState::held;
  at->second.reason = fmt::format("copy of a system program: {}", base::escape_for_display(path));
  at->second.modified = recorded.provenance.received_time;
  changed[at->first] = &at->second;
}

void Judge::add_ground(Ground& ground, const model::RecordedEvent& recorded, const model::Finding& finding) {
  if (ground.findings.empty()) {
    ground.level = finding.rule.level;
    ground.source_time = finding.source_time;
    ground.received_time = finding.received_time;
  }
  ground.level = std::max(ground.level, finding.rule.level);
  merge(ground.findings, {finding.id});
  merge(ground.tags, finding.rule.tags);
  merge(ground.evidence, finding.evidence);
  merge(ground.evidence, {{.entry = recorded.provenance.entry, .event = recorded.event.id}});
}

Judge::Suspect& Judge::suspect_of(const std::string& guid) {
  const auto [at, fresh] = suspects_.try_emplace(guid);
  if (fresh) {
    suspect_order_.push_back(guid);
    if (suspect_order_.size() > kMostSuspects) {
      suspects_.erase(suspect_order_.front());
      suspect_order_.pop_front();
    }
  }
  return at->second;
}

void Judge::take_programs(const model::RecordedEvent& recorded, Suspect& suspect, Changed& changed) {
  const model::Event& event = recorded.event;
  const bool starts = event.kind == EventKind::process_start;
  const auto await = [&](std::string_view path) {
    if (path.empty() || suspect.awaited.size() >= kMostAwaited) return;
    if (std::ranges::find(suspect.awaited, path) == suspect.awaited.end()) suspect.awaited.emplace_back(path);
  };
  if (!starts && event.kind != EventKind::process_digest) {
    // The finding is on a later event of the process: what it runs is known from its start, or on its way.
    const auto program = programs_.find(event.bytes(Field::process_guid));
    if (program != programs_.end())
      take_program(recorded, suspect.ground, program->second.path, program->second.digest, changed);
    else if (!is_system_path(event.bytes(Field::process_executable))) await(event.bytes(Field::process_executable));
    return;
  }
  const bool pending = event.bytes(Field::process_digest_state) == "pending";
  for (const auto& [path_field, digest_field] : {std::pair(Field::process_executable, Field::process_sha256),
                                                 std::pair(Field::process_script, Field::process_script_sha256)}) {
    const std::string_view path = event.bytes(path_field);
    if (path.empty()) continue;
    const auto awaited = std::ranges::find(suspect.awaited, path);
    if (!starts && awaited == suspect.awaited.end()) continue;  // of a program that it ran before or after
    if (const auto digest = event.digest(digest_field)) {
      take_program(recorded, suspect.ground, path, *digest, changed);
      if (awaited != suspect.awaited.end()) suspect.awaited.erase(awaited);
    } else if (starts && pending) {
      await(path);
    }
  }
}

void Judge::take_program(const model::RecordedEvent& recorded, const Ground& ground, std::string_view path,
                         const base::Digest& digest, Changed& changed) {
  Value value{.type = model::IndicatorType::file_sha256, .value = digest.hex(), .reason = why_held(digest)};
  if (value.reason.empty() && is_system_path(path)) {
    value.reason = fmt::format("system program: {}", base::escape_for_display(path));
  } else if (const auto known = well_known_.find(digest); value.reason.empty() && known != well_known_.end()) {
    value.reason = fmt::format("copy of a system program: {}", base::escape_for_display(known->second));
  }
  take(recorded, ground, value, changed);
}

void Judge::take_destination(const model::RecordedEvent& recorded, const Ground& ground, Changed& changed) {
  const model::Event& event = recorded.event;
  const auto address = event.address(Field::destination_address);
  if (address) {
    take(recorded, ground,
         {.type = address->is_v4() ? model::IndicatorType::ipv4 : model::IndicatorType::ipv6,
          .value = address->text(),
          .reason = why_held(*address)},
         changed);
  }
  if (const auto name = normalise_name(event.bytes(Field::destination_hostname))) {
    std::string reason = why_held_name(*name);
    if (reason.empty() && address && address->is_special()) reason = "name of a private address";
    take(recorded, ground, {.type = model::IndicatorType::domain, .value = *name, .reason = std::move(reason)},
         changed);
  }
}

// Makes the indicator, or adds to it what this ground brings.
void Judge::take(const model::RecordedEvent& recorded, const Ground& ground, const Value& value, Changed& changed) {
  const model::OrganisationId& organisation = recorded.provenance.organisation;
  const model::IndicatorId id = model::make_indicator_id(options_.producer, options_.naming, value.type, value.value);
  const auto [at, fresh] = indicators_.try_emplace(id);
  model::Indicator& indicator = at->second;
  bool different = fresh;
  if (fresh) {
    indicator.id = id;
    indicator.type = value.type;
    indicator.value = value.value;
    indicator.pattern = model::make_pattern(value.type, value.value);
    indicator.producer = options_.producer;
    indicator.organisation = organisation;
    indicator.level = ground.level;
    indicator.created = ground.received_time;
    indicator.valid_from = std::min(ground.source_time, ground.received_time);
  }
  if (!value.reason.empty() && indicator.state == model::IndicatorState::candidate) {
    indicator.state = model::IndicatorState::held;
    indicator.reason = value.reason;
    different = true;
  }
  if (indicator.level < ground.level) {
    indicator.level = ground.level;
    different = true;
  }
  indicator.confidence = confidence_of(indicator.level);
  different = merge(indicator.tags, ground.tags) || different;
  different = merge(indicator.findings, ground.findings) || different;
  different = merge(indicator.evidence, ground.evidence) || different;
  different =
      merge(indicator.evidence, {{.entry = recorded.provenance.entry, .event = recorded.event.id}}) || different;
  if (!different) return;
  indicator.modified = recorded.provenance.received_time;
  changed[id] = &indicator;
}

base::Result<model::Indicator> Judge::publish(const model::IndicatorId& id, const model::OrganisationId& organisation,
                                              const model::EntryRef& act, base::Time received) {
  const auto at = indicators_.find(id);
  if (at == indicators_.end() || at->second.organisation != organisation)
    return base::fail(base::Errc::not_found, fmt::format("no indicator {} of {}", id.text(), organisation.text()));
  model::Indicator& indicator = at->second;
  if (indicator.state == model::IndicatorState::held)
    return base::fail(base::Errc::conflict, fmt::format("indicator {} is held: {}", id.text(), indicator.reason));
  if (indicator.state == model::IndicatorState::published)
    return base::fail(base::Errc::conflict, fmt::format("indicator {} is published already", id.text()));
  indicator.state = model::IndicatorState::published;
  indicator.published_by = act;
  indicator.published = received;
  indicator.modified = received;
  return indicator;
}

const model::Indicator* Judge::find(const model::IndicatorId& id) const {
  const auto at = indicators_.find(id);
  return at != indicators_.end() ? &at->second : nullptr;
}

std::vector<model::Indicator> Judge::indicators() const {
  std::vector<model::Indicator> out;
  out.reserve(indicators_.size());
  for (const auto& [id, indicator] : indicators_) out.push_back(indicator);
  return out;
}

std::string Judge::state() const {
  Writer out;
  out.raw(kStateVersion);
  out.number(suspect_order_.size());
  for (const std::string& guid : suspect_order_) {
    const Suspect& suspect = suspects_.at(guid);
    const Ground& ground = suspect.ground;
    out.text(guid);
    out.number(static_cast<std::uint64_t>(ground.level));
    out.number(static_cast<std::uint64_t>(ground.source_time.nanoseconds));
    out.number(static_cast<std::uint64_t>(ground.received_time.nanoseconds));
    out.number(ground.tags.size());
    for (const std::string& tag : ground.tags) out.text(tag);
    out.number(ground.findings.size());
    for (const model::FindingId& finding : ground.findings) out.text(finding.text());
    out.number(ground.evidence.size());
    for (const model::Evidence& evidence : ground.evidence) {
      out.text(evidence.entry.log);
      out.number(evidence.entry.index);
      out.text(evidence.event.text());
    }
    out.number(suspect.awaited.size());
    for (const std::string& path : suspect.awaited) out.text(path);
  }
  out.number(program_order_.size());
  for (const std::string& guid : program_order_) {
    const Program& program = programs_.at(guid);
    out.text(guid);
    out.text(program.path);
    out.raw(program.digest.bytes());
  }
  out.number(well_known_order_.size());
  for (const base::Digest& digest : well_known_order_) {
    out.raw(digest.bytes());
    out.text(well_known_.at(digest));
  }
  return out.take();
}

base::Status Judge::restore(std::vector<model::Indicator> indicators, std::string_view state) {
  Judge fresh(options_);
  for (model::Indicator& indicator : indicators) {
    const model::IndicatorId id = indicator.id;
    fresh.indicators_.insert_or_assign(id, std::move(indicator));
  }
  if (!state.empty()) TRY_VOID(fresh.read_state(state));
  *this = std::move(fresh);
  return {};
}

base::Status Judge::read_state(std::string_view state) {
  if (!state.starts_with(kStateVersion))
    return base::fail(base::Errc::corrupt, "judge state: not of this version: the store must be built anew");
  Reader in(state.substr(kStateVersion.size()));
  const std::uint64_t suspects = TRY(in.count());
  for (std::uint64_t i = 0; i < suspects; ++i) {
    const std::string guid = TRY(in.text());
    Suspect suspect;
    Ground& ground = suspect.ground;
    const std::uint64_t level = TRY(in.number());
    if (level > static_cast<std::uint64_t>(model::Level::critical))
      return base::fail(base::Errc::corrupt, "judge state: a level that there is not");
    ground.level = static_cast<model::Level>(level);
    const std::uint64_t source_time = TRY(in.number());
    ground.source_time = {static_cast<std::int64_t>(source_time)};
    const std::uint64_t received_time = TRY(in.number());
    ground.received_time = {static_cast<std::int64_t>(received_time)};
    const std::uint64_t tags = TRY(in.count());
    for (std::uint64_t k = 0; k < tags; ++k) {
      std::string tag = TRY(in.text());
      ground.tags.push_back(std::move(tag));
    }
    const std::uint64_t findings = TRY(in.count());
    for (std::uint64_t k = 0; k < findings; ++k) {
      const std::string text = TRY(in.text());
      const model::FindingId finding = TRY(model::FindingId::parse(text));
      ground.findings.push_back(finding);
    }
    const std::uint64_t evidences = TRY(in.count());
    for (std::uint64_t k = 0; k < evidences; ++k) {
      model::Evidence evidence;
      evidence.entry.log = TRY(in.text());
      evidence.entry.index = TRY(in.number());
      const std::string text = TRY(in.text());
      evidence.event = TRY(model::EventId::parse(text));
      ground.evidence.push_back(std::move(evidence));
    }
    const std::uint64_t awaited = TRY(in.count());
    for (std::uint64_t k = 0; k < awaited; ++k) {
      std::string path = TRY(in.text());
      suspect.awaited.push_back(std::move(path));
    }
    if (!suspects_.try_emplace(guid, std::move(suspect)).second)
      return base::fail(base::Errc::corrupt, "judge state: a process stands twice");
    suspect_order_.push_back(guid);
  }
  const std::uint64_t programs = TRY(in.count());
  for (std::uint64_t i = 0; i < programs; ++i) {
    const std::string guid = TRY(in.text());
    Program program;
    program.path = TRY(in.text());
    const std::string_view bytes = TRY(in.raw(32));
    program.digest = TRY(base::Digest::from_bytes(bytes));
    if (!programs_.try_emplace(guid, std::move(program)).second)
      return base::fail(base::Errc::corrupt, "judge state: a program stands twice");
    program_order_.push_back(guid);
  }
  const std::uint64_t well_known = TRY(in.count());
  for (std::uint64_t i = 0; i < well_known; ++i) {
    const std::string_view bytes = TRY(in.raw(32));
    const base::Digest digest = TRY(base::Digest::from_bytes(bytes));
    std::string path = TRY(in.text());
    if (!well_known_.try_emplace(digest, std::move(path)).second)
      return base::fail(base::Errc::corrupt, "judge state: a digest stands twice");
    well_known_order_.push_back(digest);
  }
  if (!in.done()) return base::fail(base::Errc::corrupt, "judge state: more than was expected");
  return {};
}

}  // namespace hinomi::judge
