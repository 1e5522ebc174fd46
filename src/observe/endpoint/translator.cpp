#include <hinomi/observe/endpoint/translator.hpp>

#include <hinomi/base/escape.hpp>

#include <fmt/format.h>

#include <limits>

namespace hinomi::observe::endpoint {
namespace {

using model::Event;
using model::EventKind;
using model::Field;

constexpr std::uint32_t kNoLogin = std::numeric_limits<std::uint32_t>::max();

// What execve was given, as an absolute path: "./x.sh" in /home/a is /home/a/x.sh. Links and ".." stay as they are.
std::string absolute_script(std::string_view given, std::string_view directory) {
  if (given.empty() || given.front() == '/') return std::string(given);
  while (given.starts_with("./")) {
    given.remove_prefix(2);
    while (given.starts_with('/')) given.remove_prefix(1);
  }
  return fmt::format("{}{}{}", directory, directory.ends_with('/') ? "" : "/", given);
}

// The arguments, each ended by NUL, the last too where it was cut.
std::string ended(std::string_view arguments) {
  std::string out(arguments);
  if (!out.empty() && out.back() != '\0') out += '\0';
  return out;
}

}  // namespace

Translator::Translator(const base::Uuid& boot, const std::vector<EventKind>& kinds, Digester& digester,
                       const base::Clock& clock, ProcessTable::Limits limits, UserNames users)
    : digester_(digester), clock_(clock), table_(boot, limits), users_(std::move(users)) {
  if (kinds.empty()) kinds_.set();
  for (const EventKind kind : kinds) kinds_.set(static_cast<std::size_t>(kind));
}

void Translator::take(const Record& record, std::vector<Event>& out) {
  std::visit([&](const auto& one) { take(one, out); }, record);
}

Event Translator::begin(EventKind kind, std::uint64_t time) const {
  Event event;
  event.kind = kind;
  event.source_time = wall(time);
  event.observed_time = clock_.now();
  event.fields.reserve(24);
  return event;
}

void Translator::set_identity(Event& event, const ProcessKey& key, const Process* process) const {
  if (!key.is_known()) return;
  event.set(Field::process_guid, process != nullptr ? process->guid : make_process_guid(table_.boot(), key));
  event.set(Field::process_id, std::uint64_t{key.tgid});
  if (process != nullptr && process->image && !process->image->executable.empty())
    event.set(Field::process_executable, process->image->executable);
}

void Translator::set_ancestors(Event& event, const Lineage* parent) {
  std::vector<std::string> guids, executables;
  for (const Lineage* node = parent; node != nullptr && guids.size() < kAncestorsShown; node = node->parent.get()) {
    guids.push_back(node->guid);
    executables.push_back(node->image ? node->image->executable : std::string());
  }
  if (guids.empty()) return;
  event.set(Field::ancestor_guids, model::FieldValue(std::move(guids)));
  event.set(Field::ancestor_executables, model::FieldValue(std::move(executables)));
}

void Translator::take(const ExecRecord& record, std::vector<Event>& out) {
  const base::Time now = clock_.now();
  Image image;
  image.executable = record.executable;
  image.arguments = ended(record.arguments);
  image.user_id = std::to_string(record.user);
  image.user_name = users_.name_of(record.user, now);
  image.container = container_in(record.cgroup_name);
  image.cgroup_id = record.cgroup_id;
  const std::string user_name = image.user_name, container = image.container, user_id = image.user_id;
  const Process* process = table_.executed(record.process, record.parent, std::move(image));
  if (record.was_running || !speaks_of(EventKind::process_start)) return;

  Event event = begin(EventKind::process_start, record.time);
  event.set(Field::process_guid, process != nullptr ? process->guid : make_process_guid(table_.boot(), record.process));
  event.set(Field::process_id, std::uint64_t{record.process.tgid});
  event.set(Field::process_executable, record.executable);
  const bool cut = record.arguments.size() < record.arguments_length;
  if (!record.arguments.empty()) event.set(Field::process_arguments, ended(record.arguments));
  event.set(Field::process_arguments_length, record.arguments_length);
  event.set(Field::process_arguments_truncated, std::uint64_t{cut});
  event.set(Field::process_working_directory, record.working_directory);
  event.set(Field::process_user_id, user_id);
  if (!user_name.empty()) event.set(Field::process_user_name, user_name);
  event.set(Field::process_group_id, std::to_string(record.group));
  if (record.login_user != kNoLogin) event.set(Field::process_login_user_id, std::to_string(record.login_user));
  if (!record.terminal.empty()) event.set(Field::process_terminal, base::to_utf8_lossy(record.terminal));
  event.set(Field::process_cgroup_id, record.cgroup_id);
  if (!container.empty()) event.set(Field::process_container_id, container);

  const std::string script = absolute_script(record.script, record.working_directory);
  const auto known = digester_.cached(record.file);
  const char* state = "known";
  if (!known || !script.empty()) {
    DigestJob job{.process = record.process,
                  .mount_namespace = record.mount_namespace,
                  .is_chrooted = record.is_chrooted,
                  .exec_time = wall(record.time),
                  .executable = record.executable,
                  .file = record.file,
                  .known = known,
                  .script = script};
    state = digester_.submit(std::move(job)) ? "pending" : "unavailable";
  }
  event.set(Field::process_digest_state, state);
  if (known) event.set(Field::process_sha256, *known);
  if (!script.empty()) event.set(Field::process_script, script);
  event.set(Field::process_start_time, wall(record.process.start));

  const Lineage* parent = process != nullptr ? process->lineage.get() : nullptr;
  if (parent != nullptr) {
    event.set(Field::parent_guid, parent->guid);
    event.set(Field::parent_id, std::uint64_t{parent->tgid});
    if (parent->image) {
      event.set(Field::parent_executable, parent->image->executable);
      if (!parent->image->arguments.empty()) event.set(Field::parent_arguments, parent->image->arguments);
    }
    set_ancestors(event, parent);
  } else if (record.parent.is_known()) {
    event.set(Field::parent_guid, make_process_guid(table_.boot(), record.parent));
    event.set(Field::parent_id, std::uint64_t{record.parent.tgid});
  }
  out.push_back(std::move(event));
}

void Translator::take(const ForkRecord& record, std::vector<Event>& out) {
  const Process* child = table_.forked(record.child, record.parent);
  if (!speaks_of(EventKind::process_fork)) return;
  Event event = begin(EventKind::process_fork, record.time);
  set_identity(event, record.parent, table_.find(record.parent));
  event.set(Field::child_guid, child != nullptr ? child->guid : make_process_guid(table_.boot(), record.child));
  event.set(Field::child_id, std::uint64_t{record.child.tgid});
  out.push_back(std::move(event));
}

void Translator::take(const ExitRecord& record, std::vector<Event>& out) {
  if (!table_.exited(record.process, record.time)) return;
  if (!speaks_of(EventKind::process_exit)) return;
  const Process* process = table_.find(record.process);
  Event event = begin(EventKind::process_exit, record.time);
  set_identity(event, record.process, process);
  if (process != nullptr && process->image && !process->image->user_id.empty())
    event.set(Field::process_user_id, process->image->user_id);
  event.set(Field::process_start_time, wall(record.process.start));
  if (process != nullptr && process->lineage) event.set(Field::parent_guid, process->lineage->guid);
  if (record.signal != 0) {
    event.set(Field::exit_signal, std::uint64_t{record.signal});
  } else {
    event.set(Field::exit_code, std::uint64_t{record.code});
  }
  out.push_back(std::move(event));
}

void Translator::take(const NetworkRecord& record, std::vector<Event>& out) {
  const EventKind kind = record.initiated ? EventKind::network_connect : EventKind::network_accept;
  if (!speaks_of(kind)) return;
  const auto local = base::IpAddress::from_bytes(record.local);
  const auto remote = base::IpAddress::from_bytes(record.remote);
  if (!local || !remote) return;
  const Process* process = table_.find(record.process);
  Event event = begin(kind, record.time);
  set_identity(event, record.process, process);
  if (process != nullptr && process->image) {
    const Image& image = *process->image;
    if (!image.arguments.empty()) event.set(Field::process_arguments, image.arguments);
    if (!image.user_id.empty()) event.set(Field::process_user_id, image.user_id);
    if (!image.user_name.empty()) event.set(Field::process_user_name, image.user_name);
    event.set(Field::process_cgroup_id, image.cgroup_id);
    if (!image.container.empty()) event.set(Field::process_container_id, image.container);
  }
  if (process != nullptr && process->lineage) {
    event.set(Field::parent_guid, process->lineage->guid);
    if (process->lineage->image) event.set(Field::parent_executable, process->lineage->image->executable);
    set_ancestors(event, process->lineage.get());
  }
  event.set(Field::network_protocol, "tcp");
  event.set(Field::network_initiated, std::uint64_t{record.initiated});
  event.set(Field::source_address, record.initiated ? *local : *remote);
  event.set(Field::source_port, std::uint64_t{record.initiated ? record.local_port : record.remote_port});
  event.set(Field::destination_address, record.initiated ? *remote : *local);
  event.set(Field::destination_port, std::uint64_t{record.initiated ? record.remote_port : record.local_port});
  out.push_back(std::move(event));
}

// Its source time is that of the exec it completes: with the process GUID it names the one process_start that waited.
void Translator::take(const DigestResult& result, std::vector<Event>& out) {
  if (!speaks_of(EventKind::process_digest)) return;
  Event event;
  event.kind = EventKind::process_digest;
  event.source_time = result.job.exec_time;
  event.observed_time = clock_.now();
  event.set(Field::process_guid, make_process_guid(table_.boot(), result.job.process));
  event.set(Field::process_id, std::uint64_t{result.job.process.tgid});
  event.set(Field::process_executable, result.job.executable);
  event.set(Field::process_digest_state, result.executable ? "known" : "unavailable");
  if (result.executable) event.set(Field::process_sha256, *result.executable);
  if (!result.job.script.empty()) event.set(Field::process_script, result.job.script);
  if (result.script) event.set(Field::process_script_sha256, *result.script);
  out.push_back(std::move(event));
}

}  // namespace hinomi::observe::endpoint
