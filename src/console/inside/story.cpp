#include <hinomi/console/inside/story.hpp>

#include <hinomi/base/escape.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace hinomi::console::inside {
namespace {

namespace json = boost::json;
using model::EventKind;
using model::Field;

constexpr std::string_view kNoLoginUser = "4294967295";  // Linux: the login uid was never set

std::string shown(const model::Event& event, Field field) {
  if (field == Field::process_arguments || field == Field::parent_arguments)
    return base::escape_for_display(model::command_line_of(event.bytes(field)));
  return base::escape_for_display(event.bytes(field));
}

std::string user_of(const model::Event& event) {
  return shown(event, event.has(Field::process_user_name) ? Field::process_user_name : Field::process_user_id);
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_shell(std::string_view executable) {
  static constexpr std::array<std::string_view, 9> kShells{"sh",   "bash", "dash", "zsh",    "ksh",
                                                           "mksh", "fish", "ash",  "busybox"};
  return std::ranges::find(kShells, file_name(executable)) != kShells.end();
}

// Programs through which a person or a schedule comes in.
bool is_entrance(std::string_view executable) {
  static constexpr std::array<std::string_view, 13> kEntrances{
      "sshd", "sshd-session", "login", "gdm3", "gdm-session-worker", "lightdm", "sddm", "sudo", "su",
      "doas", "cron",         "crond", "atd"};
  return std::ranges::find(kEntrances, file_name(executable)) != kEntrances.end();
}

std::string shortened(std::string text, std::size_t most = 400) {
  if (text.size() <= most) return text;
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not within a character
  text.resize(end);
  return text + "\u2026";
}

void put(json::object& object, std::string_view name, const std::string& value) {
  if (!value.empty()) object.emplace(name, shortened(value));
}

json::value text_or_null(const std::string& value) { return value.empty() ? json::value(nullptr) : json::value(value); }
template <class T>
json::value number_or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}
json::value time_or_null(const std::optional<base::Time>& value) {
  return value ? json::value(value->rfc3339()) : json::value(nullptr);
}

// Time, then order of observation.
std::pair<base::Time, model::EventId> in_time(const model::Event* event) { return {event->source_time, event->id}; }

const Process* subject_among(const std::vector<Process>& processes) {
  const auto found = std::ranges::find_if(processes, [](const Process& process) { return process.is_subject; });
  return found == processes.end() ? nullptr : &*found;
}

// The program that the subject ran when the rule held: the evidence's own start if it is one, else the last one before it.
const model::Event* subject_start(const model::Finding& finding, const Surroundings& around) {
  for (const auto& evidence : around.evidence)
    if (evidence.event.kind == EventKind::process_start &&
        evidence.event.bytes(Field::process_guid) == finding.process_guid)
      return &evidence.event;
  const model::Event* last = nullptr;
  for (const auto& start : around.starts)
    if (start.event.bytes(Field::process_guid) == finding.process_guid &&
        start.event.source_time <= finding.source_time && (!last || last->source_time <= start.event.source_time))
      last = &start.event;
  return last;
}

}  // namespace

std::vector<Process> processes_of(const model::Finding& finding, const Surroundings& around) {
  std::map<std::string, Process, std::less<>> known;
  std::vector<std::string> order;  // the line, eldest first
  const auto at = [&](std::string_view guid) -> Process& {
    const auto [place, fresh] = known.try_emplace(std::string(guid));
    if (fresh) place->second.guid = base::escape_for_display(guid);
    return place->second;
  };

  std::string before;
  for (const auto& ancestor : finding.ancestry) {
    if (ancestor.guid.empty() || known.contains(ancestor.guid)) continue;
    Process& process = at(ancestor.guid);
    process.executable = base::escape_for_display(ancestor.executable);
    process.parent_guid = before;
    before = process.guid;
    order.push_back(ancestor.guid);
  }
  if (!finding.process_guid.empty() && !known.contains(finding.process_guid)) {
    at(finding.process_guid).parent_guid = before;
    order.push_back(finding.process_guid);
  }
  const std::set<std::string, std::less<>> line(order.begin(), order.end());

  // Each start in time order, so that the last program before the finding stands; children show the last they ran at all.
  std::vector<const model::Event*> starts;
  starts.reserve(around.starts.size() + around.evidence.size());
  for (const auto& start : around.starts) starts.push_back(&start.event);
  for (const auto& evidence : around.evidence)
    if (evidence.event.kind == EventKind::process_start) starts.push_back(&evidence.event);
  std::ranges::sort(starts, {}, in_time);
  std::vector<std::string> children;
  for (const model::Event* start : starts) {
    const std::string guid(start->bytes(Field::process_guid));
    if (guid.empty()) continue;
    const bool of_line = line.contains(guid);
    if (of_line && start->source_time > finding.source_time) continue;
    if (!of_line && !known.contains(guid)) children.push_back(guid);
    Process& process = at(guid);
    process.pid = start->number(Field::process_id);
    process.executable = shown(*start, Field::process_executable);
    process.command_line = shown(*start, Field::process_arguments);
    process.user = user_of(*start);
    process.start = start->time(Field::process_start_time).value_or(start->source_time);
    if (const auto parent = start->bytes(Field::parent_guid); !parent.empty())
      process.parent_guid = base::escape_for_display(parent);
  }
  if (const model::Event* start = subject_start(finding, around)) {
    // What is known of the parent only through its child.
    if (const auto parent = known.find(start->bytes(Field::parent_guid)); parent != known.end()) {
      if (!parent->second.pid) parent->second.pid = start->number(Field::parent_id);
      if (parent->second.executable.empty()) parent->second.executable = shown(*start, Field::parent_executable);
      if (parent->second.command_line.empty()) parent->second.command_line = shown(*start, Field::parent_arguments);
    }
  }
  for (const auto& exit : around.exits) {
    const auto place = known.find(exit.event.bytes(Field::process_guid));
    if (place == known.end()) continue;
    place->second.end = exit.event.source_time;
    place->second.exit_code = exit.event.number(Field::exit_code);
  }
  if (const auto subject = known.find(finding.process_guid); subject != known.end()) subject->second.is_subject = true;

  std::vector<Process> out;
  out.reserve(order.size() + children.size());
  for (const auto& guid : order) out.push_back(known.at(guid));
  for (const auto& guid : children) out.push_back(known.at(guid));
  return out;
}

std::vector<Connection> connections_of(const Surroundings& around) {
  std::vector<const model::Event*> events;
  std::set<model::EventId> seen;
  for (const auto* list : {&around.evidence, &around.connections})
    for (const auto& recorded : *list) {
      const bool of_network =
          recorded.event.kind == EventKind::network_connect || recorded.event.kind == EventKind::network_accept;
      if (of_network && seen.insert(recorded.event.id).second) events.push_back(&recorded.event);
    }
  std::ranges::sort(events, {}, in_time);
  std::vector<Connection> out;
  for (const model::Event* event : events) {
    const auto text = [&](Field field) {
      const auto address = event->address(field);
      return address ? address->text() : std::string();
    };
    out.push_back({.process_guid = shown(*event, Field::process_guid),
                   .time = event->source_time,
                   .protocol = shown(*event, Field::network_protocol),
                   .source_address = text(Field::source_address),
                   .destination_address = text(Field::destination_address),
                   .destination_hostname = shown(*event, Field::destination_hostname),
                   .source_port = event->number(Field::source_port),
                   .destination_port = event->number(Field::destination_port),
                   .initiated = event->kind == EventKind::network_connect});
  }
  return out;
}

std::vector<Step> steps_of(const model::Finding& finding, const Surroundings& around,
                           const std::vector<Process>& processes, const std::vector<Connection>& connections) {
  std::vector<Step> out;
  const Process* subject = subject_among(processes);
  const model::Event* start = subject_start(finding, around);

  // The line without the subject, eldest first.
  std::vector<const Process*> before;
  for (const auto& process : processes) {
    if (process.is_subject) break;
    before.push_back(&process);
  }

  const Process* entrance = nullptr;
  for (const Process* process : before)
    if (is_entrance(process->executable)) entrance = process;
  const std::string login_user = start ? shown(*start, Field::process_login_user_id) : std::string();
  const bool logged_in = !login_user.empty() && login_user != kNoLoginUser;
  if (entrance || logged_in) {
    Step step{.step = "login", .time = entrance ? entrance->start : std::nullopt, .facts = {}};
    if (entrance) put(step.facts, "program", entrance->executable);
    if (start) put(step.facts, "user", user_of(*start));
    if (logged_in) put(step.facts, "login_user_id", login_user);
    if (start) put(step.facts, "terminal", shown(*start, Field::process_terminal));
    out.push_back(std::move(step));
  }

  const auto shell = std::ranges::find_if(before.rbegin(), before.rend(),
                                          [](const Process* process) { return is_shell(process->executable); });
  if (shell != before.rend()) {
    Step step{.step = "shell", .time = (*shell)->start, .facts = {}};
    put(step.facts, "shell", (*shell)->executable);
    put(step.facts, "command_line", (*shell)->command_line);
    out.push_back(std::move(step));
  }

  if (subject) {
    Step step{.step = "started", .time = subject->start, .facts = {}};
    put(step.facts, "program", subject->executable);
    const std::size_t slash = subject->executable.rfind('/');
    if (slash != std::string::npos)
      put(step.facts, "folder", subject->executable.substr(0, std::max<std::size_t>(slash, 1)));
    put(step.facts, "path", subject->executable);
    if (!before.empty()) put(step.facts, "parent", before.back()->executable);
    put(step.facts, "command_line", subject->command_line);
    if (start) put(step.facts, "working_directory", shown(*start, Field::process_working_directory));
    put(step.facts, "user", subject->user);
    out.push_back(std::move(step));
  } else {
    Step step{.step = "observed", .time = finding.source_time, .facts = {}};
    if (!around.evidence.empty()) step.facts.emplace("kind", model::row_of(around.evidence.front().event.kind).name);
    out.push_back(std::move(step));
  }

  if (start && start->has(Field::process_script)) {
    Step step{.step = "script", .time = start->source_time, .facts = {}};
    put(step.facts, "script", shown(*start, Field::process_script));
    if (const auto digest = start->digest(Field::process_script_sha256)) put(step.facts, "sha256", digest->hex());
    put(step.facts, "interpreter", shown(*start, Field::process_executable));
    out.push_back(std::move(step));
  }

  // The process's own connection before its children's.
  const Connection* connection = nullptr;
  for (const auto& candidate : connections)
    if (!connection ||
        (subject && candidate.process_guid == subject->guid && connection->process_guid != subject->guid))
      connection = &candidate;
  if (connection) {
    Step step{.step = connection->initiated ? "connected" : "accepted", .time = connection->time, .facts = {}};
    put(step.facts, "address", connection->initiated ? connection->destination_address : connection->source_address);
    put(step.facts, "hostname", connection->destination_hostname);
    if (connection->destination_port) step.facts.emplace("port", *connection->destination_port);
    put(step.facts, "protocol", connection->protocol);
    if (connections.size() > 1) step.facts.emplace("count", connections.size());
    out.push_back(std::move(step));
  }

  const std::size_t children = processes.size() - before.size() - (subject ? 1 : 0);
  if (subject && children > 0) {
    const Process& first = processes[before.size() + 1];
    Step step{.step = "children", .time = first.start, .facts = {}};
    put(step.facts, "program", first.executable);
    step.facts.emplace("count", children);
    out.push_back(std::move(step));
  }

  Step recorded{.step = "recorded", .time = finding.received_time, .facts = {}};
  if (!finding.evidence.empty()) {
    recorded.facts.emplace("entry", finding.evidence.front().entry.index);
    put(recorded.facts, "log", finding.evidence.front().entry.log);
  }
  out.push_back(std::move(recorded));

  Step held{.step = "rule_held", .time = finding.received_time, .facts = {}};
  put(held.facts, "rule", base::escape_for_display(finding.rule.title));
  put(held.facts, "level", std::string(model::name_of(finding.rule.level)));
  if (!finding.matched.empty()) {
    put(held.facts, "field", base::escape_for_display(finding.matched.front().field));
    put(held.facts, "matched", base::escape_for_display(finding.matched.front().value));
  }
  out.push_back(std::move(held));

  if (!around.indicators.empty()) {
    // The furthest one speaks: published, else candidate, else held.
    const auto rank = [](const model::Indicator& indicator) {
      return indicator.state == model::IndicatorState::published   ? 2
             : indicator.state == model::IndicatorState::candidate ? 1
                                                                   : 0;
    };
    const auto& indicator = *std::ranges::max_element(around.indicators, {}, rank);
    Step step{.step = std::string(model::name_of(indicator.state)),
              .time = indicator.state == model::IndicatorState::published && indicator.published ? *indicator.published
                                                                                                 : indicator.created,
              .facts = {}};
    put(step.facts, "type", std::string(model::name_of(indicator.type)));
    put(step.facts, "value", base::escape_for_display(indicator.value));
    put(step.facts, "reason", base::escape_for_display(indicator.reason));
    if (around.indicators.size() > 1) step.facts.emplace("count", around.indicators.size());
    out.push_back(std::move(step));
  }
  return out;  // 3 at least (started or observed, recorded, rule_held), 9 at most
}

json::object to_object(const Process& process) {
  return {{"guid", process.guid},
          {"parent_guid", text_or_null(process.parent_guid)},
          {"pid", number_or_null(process.pid)},
          {"executable", text_or_null(process.executable)},
          {"command_line", text_or_null(process.command_line)},
          {"user", text_or_null(process.user)},
          {"start", time_or_null(process.start)},
          {"end", time_or_null(process.end)},
          {"exit_code", number_or_null(process.exit_code)},
          {"is_subject", process.is_subject}};
}

json::object to_object(const Connection& connection) {
  return {{"process_guid", text_or_null(connection.process_guid)},
          {"time", connection.time.rfc3339()},
          {"protocol", text_or_null(connection.protocol)},
          {"initiated", connection.initiated},
          {"source_address", text_or_null(connection.source_address)},
          {"source_port", number_or_null(connection.source_port)},
          {"destination_address", text_or_null(connection.destination_address)},
          {"destination_port", number_or_null(connection.destination_port)},
          {"destination_hostname", text_or_null(connection.destination_hostname)}};
}

json::object to_object(const Step& step) {
  return {{"step", step.step}, {"time", time_or_null(step.time)}, {"facts", step.facts}};
}

}  // namespace hinomi::console::inside
