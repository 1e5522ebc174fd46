// The field catalogue: every field that an event may carry, once, with its name in each format that outsiders read, its
// privacy class and its meaning. Wire encoding, manifest, store columns, detection slots, JSON and docs/events.md
// follow it. Threads: constants.
#pragma once

#include <hinomi/base/result.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace hinomi::model {

enum class FieldType : std::uint8_t {
  number,     // unsigned 64 bit; varint
  boolean,    // varint 0 or 1
  time,       // UTC nanoseconds; sfixed64
  text,       // UTF-8
  path,       // bytes as the observed system names them; no encoding is promised
  arguments,  // bytes: the arguments, each ended by NUL, as the kernel keeps them; shown and matched with spaces
              // between
  digest,     // 32 bytes
  address,    // 4 or 16 bytes, network order
  texts,      // list of UTF-8
  paths,      // list of bytes
};

enum class Privacy : std::uint8_t {
  technical,  // attack-technical: may be shared once published
  personal,   // may name or describe a person or a victim: leaves an organisation only by its decision
};

// The value is the field's number in schema/hinomi/v1/event.proto: never reused, never changed.
enum class Field : std::uint16_t {
  process_guid = 10,
  process_id = 11,
  process_executable = 12,
  process_arguments = 13,
  process_arguments_length = 14,
  process_arguments_truncated = 15,
  process_working_directory = 16,
  process_user_id = 17,
  process_user_name = 18,
  process_group_id = 19,
  process_login_user_id = 20,
  process_terminal = 21,
  process_cgroup_id = 22,
  process_container_id = 23,
  process_digest_state = 24,
  process_sha256 = 25,
  process_script = 26,
  process_script_sha256 = 27,
  process_start_time = 28,
  parent_guid = 30,
  parent_id = 31,
  parent_executable = 32,
  parent_arguments = 33,
  ancestor_guids = 34,
  ancestor_executables = 35,
  exit_code = 36,
  exit_signal = 37,
  child_guid = 38,
  child_id = 39,
  network_protocol = 50,
  network_initiated = 51,
  source_address = 52,
  source_port = 53,
  destination_address = 54,
  destination_port = 55,
  destination_hostname = 56,
  loss_of = 70,
  loss_count = 71,
  loss_is_exact = 72,
  loss_since = 73,
  loss_until = 74,
  sensor_version = 80,
  sensor_programs = 81,
  sensor_hooks = 82,
  sensor_manifest = 83,
  host_name = 90,
  host_operating_system = 91,
  host_kernel = 92,
  host_boot_id = 93,
  host_machine_id = 94,
};

struct FieldRow {
  Field field;
  FieldType type;
  Privacy privacy;
  std::string_view name;   // in JSON, the store's column and the manifest
  std::string_view sigma;  // Sigma taxonomy (Sysmon names); empty if it has none
  std::string_view ocsf;   // OCSF 1.6 attribute path; empty if it has none
  std::string_view meaning;
};

// Kinds of events. The value is their number on the wire: never reused.
enum class EventKind : std::uint8_t {
  process_start = 1,
  process_fork = 2,
  process_exit = 3,
  process_digest = 4,  // completes a process_start whose digest was pending
  network_connect = 10,
  network_accept = 11,
  loss = 20,
  sensor_start = 30,
  sensor_stop = 31,
};

struct KindRow {
  EventKind kind;
  std::string_view name;            // in JSON, the store and the manifest
  std::string_view sigma_category;  // Sigma log source category; empty if rules do not apply
  std::uint32_t ocsf_class;         // OCSF class_uid; 0 if it has none
  std::span<const Field> fields;    // what it may carry
  std::string_view meaning;
};

std::span<const FieldRow> all_fields();  // ascending by number
std::span<const KindRow> all_kinds();    // ascending by number
const FieldRow& row_of(Field field);
const KindRow& row_of(EventKind kind);
std::optional<Field> field_named(std::string_view name);
std::optional<Field> field_numbered(std::uint32_t number);
std::optional<EventKind> kind_named(std::string_view name);
std::optional<EventKind> kind_numbered(std::uint32_t number);
bool may_carry(EventKind kind, Field field);

}  // namespace hinomi::model
