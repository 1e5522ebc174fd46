#include <hinomi/model/field.hpp>

#include <algorithm>
#include <array>

namespace hinomi::model {
namespace {

using enum Field;
using enum FieldType;
constexpr Privacy technical = Privacy::technical;
constexpr Privacy personal = Privacy::personal;

// number | type | privacy | name | Sigma | OCSF | meaning
constexpr std::array kFields{
    FieldRow{process_guid, text, technical, "process_guid", "ProcessGuid", "process.uid",
             "identity of the process: digest of boot id, start time and process id; the same in every event"},
    FieldRow{process_id, number, technical, "process_id", "ProcessId", "process.pid",
             "process id in the initial namespace; reused by the system"},
    FieldRow{process_executable, path, technical, "process_executable", "Image", "process.file.path",
             "path of the executable, as seen from its mount namespace"},
    FieldRow{process_arguments, arguments, personal, "process_arguments", "CommandLine", "process.cmd_line",
             "arguments as the kernel keeps them after exec"},
    FieldRow{process_arguments_length, number, technical, "process_arguments_length", "", "",
             "true length of the arguments in bytes, before any truncation"},
    FieldRow{process_arguments_truncated, boolean, technical, "process_arguments_truncated", "", "",
             "whether arguments were cut"},
    FieldRow{process_working_directory, path, personal, "process_working_directory", "CurrentDirectory",
             "process.working_directory", "working directory at exec"},
    FieldRow{process_user_id, text, personal, "process_user_id", "", "process.user.uid",
             "effective user: a uid or a SID"},
    FieldRow{process_user_name, text, personal, "process_user_name", "User", "process.user.name",
             "name of that user on the machine"},
    FieldRow{process_group_id, text, personal, "process_group_id", "", "process.group.uid", "effective group"},
    FieldRow{process_login_user_id, text, personal, "process_login_user_id", "LogonId", "process.auid",
             "user who logged in (audit login uid); absent for services"},
    FieldRow{process_terminal, text, technical, "process_terminal", "", "process.tty",
             "controlling terminal, for example pts/0"},
    FieldRow{process_cgroup_id, number, technical, "process_cgroup_id", "", "", "id of the process's control group"},
    FieldRow{process_container_id, text, technical, "process_container_id", "", "container.uid",
             "container, where the control group names one"},
    FieldRow{process_digest_state, text, technical, "process_digest_state", "", "",
             "known, pending (a process_digest event follows) or unavailable"},
    FieldRow{process_sha256, digest, technical, "process_sha256", "sha256", "process.file.hashes.value",
             "SHA-256 of the executable"},
    FieldRow{process_script, path, technical, "process_script", "", "",
             "path of the script that the executable interprets"},
    FieldRow{process_script_sha256, digest, technical, "process_script_sha256", "", "", "SHA-256 of that script"},
    FieldRow{process_start_time, time, technical, "process_start_time", "", "process.created_time",
             "when the process was started (fork)"},
    FieldRow{parent_guid, text, technical, "parent_guid", "ParentProcessGuid", "process.parent_process.uid",
             "identity of the parent"},
    FieldRow{parent_id, number, technical, "parent_id", "ParentProcessId", "process.parent_process.pid",
             "process id of the parent"},
    FieldRow{parent_executable, path, technical, "parent_executable", "ParentImage", "process.parent_process.file.path",
             "executable of the parent"},
    FieldRow{parent_arguments, arguments, personal, "parent_arguments", "ParentCommandLine",
             "process.parent_process.cmd_line", "arguments of the parent"},
    FieldRow{ancestor_guids, texts, technical, "ancestor_guids", "", "process.lineage",
             "identities of parent, grandparent and so on"},
    FieldRow{ancestor_executables, paths, technical, "ancestor_executables", "", "",
             "executables of parent, grandparent and so on; same order"},
    FieldRow{exit_code, number, technical, "exit_code", "", "exit_code", "exit status, 0 to 255"},
    FieldRow{exit_signal, number, technical, "exit_signal", "", "",
             "signal that ended the process; absent if none did"},
    FieldRow{child_guid, text, technical, "child_guid", "", "", "identity of the forked child"},
    FieldRow{child_id, number, technical, "child_id", "", "", "process id of the forked child"},
    FieldRow{network_protocol, text, technical, "network_protocol", "Protocol", "connection_info.protocol_name", "tcp"},
    FieldRow{network_initiated, boolean, technical, "network_initiated", "Initiated", "",
             "true if this machine opened the connection"},
    FieldRow{source_address, address, personal, "source_address", "SourceIp", "src_endpoint.ip",
             "address of the side that opened the connection"},
    FieldRow{source_port, number, technical, "source_port", "SourcePort", "src_endpoint.port", "its port"},
    FieldRow{destination_address, address, technical, "destination_address", "DestinationIp", "dst_endpoint.ip",
             "address of the side that was asked"},
    FieldRow{destination_port, number, technical, "destination_port", "DestinationPort", "dst_endpoint.port",
             "its port"},
    FieldRow{destination_hostname, text, technical, "destination_hostname", "DestinationHostname",
             "dst_endpoint.hostname", "name under which the address was asked for, where known"},
    FieldRow{loss_of, text, technical, "loss_of", "", "", "what was lost: an event kind, a ring or the spool"},
    FieldRow{loss_count, number, technical, "loss_count", "", "count", "how many; absent if uncounted"},
    FieldRow{loss_is_exact, boolean, technical, "loss_is_exact", "", "", "whether the count is exact"},
    FieldRow{loss_since, time, technical, "loss_since", "", "start_time", "not before"},
    FieldRow{loss_until, time, technical, "loss_until", "", "end_time", "not after"},
    FieldRow{sensor_version, text, technical, "sensor_version", "", "metadata.product.version",
             "version of the sensor"},
    FieldRow{sensor_programs, texts, technical, "sensor_programs", "", "",
             "name:sha256 of each program and BPF object that runs"},
    FieldRow{sensor_hooks, texts, technical, "sensor_hooks", "", "", "name:on or name:off:reason of each hook"},
    FieldRow{sensor_manifest, digest, technical, "sensor_manifest", "", "", "SHA-256 of the manifest note in force"},
    FieldRow{host_name, text, personal, "host_name", "Computer", "device.hostname", "name of the machine"},
    FieldRow{host_operating_system, text, technical, "host_operating_system", "", "device.os.name",
             "for example Debian GNU/Linux 12"},
    FieldRow{host_kernel, text, technical, "host_kernel", "", "device.os.kernel_release", "kernel release"},
    FieldRow{host_boot_id, text, technical, "host_boot_id", "", "device.boot_uid", "changes at each boot"},
    FieldRow{host_machine_id, text, personal, "host_machine_id", "", "device.uid", "stays across boots"},
};

constexpr std::array kProcessStart{process_guid,
                                   process_id,
                                   process_executable,
                                   process_arguments,
                                   process_arguments_length,
                                   process_arguments_truncated,
                                   process_working_directory,
                                   process_user_id,
                                   process_user_name,
                                   process_group_id,
                                   process_login_user_id,
                                   process_terminal,
                                   process_cgroup_id,
                                   process_container_id,
                                   process_digest_state,
                                   process_sha256,
                                   process_script,
                                   process_script_sha256,
                                   process_start_time,
                                   parent_guid,
                                   parent_id,
                                   parent_executable,
                                   parent_arguments,
                                   ancestor_guids,
                                   ancestor_executables};
constexpr std::array kProcessFork{process_guid, process_id, process_executable, child_guid, child_id};
constexpr std::array kProcessExit{process_guid,       process_id,  process_executable, process_user_id,
                                  process_start_time, parent_guid, exit_code,          exit_signal};
constexpr std::array kProcessDigest{process_guid,   process_id,     process_executable,   process_digest_state,
                                    process_sha256, process_script, process_script_sha256};
constexpr std::array kNetwork{process_guid,        process_id,        process_executable,  process_arguments,
                              process_user_id,     process_user_name, process_cgroup_id,   process_container_id,
                              parent_guid,         parent_executable, ancestor_guids,      ancestor_executables,
                              network_protocol,    network_initiated, source_address,      source_port,
                              destination_address, destination_port,  destination_hostname};
constexpr std::array kLoss{loss_of, loss_count, loss_is_exact, loss_since, loss_until};
constexpr std::array kSensorStart{sensor_version,        sensor_programs, sensor_hooks, sensor_manifest, host_name,
                                  host_operating_system, host_kernel,     host_boot_id, host_machine_id};
constexpr std::array kSensorStop{sensor_version, sensor_manifest};

constexpr std::array kKinds{
    KindRow{EventKind::process_start, "process_start", "process_creation", 1007, kProcessStart,
            "a program was executed"},
    KindRow{EventKind::process_fork, "process_fork", "", 1007, kProcessFork, "a process made a copy of itself"},
    KindRow{EventKind::process_exit, "process_exit", "process_termination", 1007, kProcessExit, "a process ended"},
    KindRow{EventKind::process_digest, "process_digest", "", 1007, kProcessDigest,
            "the digest that an earlier process_start left pending"},
    KindRow{EventKind::network_connect, "network_connect", "network_connection", 4001, kNetwork,
            "this machine opened a TCP connection"},
    KindRow{EventKind::network_accept, "network_accept", "network_connection", 4001, kNetwork,
            "this machine accepted a TCP connection"},
    KindRow{EventKind::loss, "loss", "", 0, kLoss, "events were lost, counted where the kernel counts"},
    KindRow{EventKind::sensor_start, "sensor_start", "", 0, kSensorStart, "the probe began to observe"},
    KindRow{EventKind::sensor_stop, "sensor_stop", "", 0, kSensorStop, "the probe was stopped in good order"},
};

constexpr std::size_t kMaxNumber = 128;

// From a field's number to its row; -1 where the number is not used.
constexpr auto kRowOfNumber = [] {
  std::array<std::int8_t, kMaxNumber> out{};
  out.fill(-1);
  for (std::size_t i = 0; i < kFields.size(); ++i)
    out[static_cast<std::size_t>(kFields[i].field)] = static_cast<std::int8_t>(i);
  return out;
}();

}  // namespace

std::span<const FieldRow> all_fields() { return kFields; }
std::span<const KindRow> all_kinds() { return kKinds; }

const FieldRow& row_of(Field field) {
  const auto row = kRowOfNumber.at(static_cast<std::size_t>(field));
  HINOMI_CHECK(row >= 0);
  return kFields[static_cast<std::size_t>(row)];
}

const KindRow& row_of(EventKind kind) {
  for (const KindRow& row : kKinds)
    if (row.kind == kind) return row;
  base::broken_invariant("every kind has a row", __FILE__, __LINE__);
}

std::optional<Field> field_named(std::string_view name) {
  for (const FieldRow& row : kFields)
    if (row.name == name) return row.field;
  return std::nullopt;
}

std::optional<Field> field_numbered(std::uint32_t number) {
  if (number >= kMaxNumber || kRowOfNumber[number] < 0) return std::nullopt;
  return static_cast<Field>(number);
}

std::optional<EventKind> kind_named(std::string_view name) {
  for (const KindRow& row : kKinds)
    if (row.name == name) return row.kind;
  return std::nullopt;
}

std::optional<EventKind> kind_numbered(std::uint32_t number) {
  for (const KindRow& row : kKinds)
    if (static_cast<std::uint32_t>(row.kind) == number) return row.kind;
  return std::nullopt;
}

bool may_carry(EventKind kind, Field field) {
  const auto fields = row_of(kind).fields;
  return std::ranges::find(fields, field) != fields.end();
}

}  // namespace hinomi::model
