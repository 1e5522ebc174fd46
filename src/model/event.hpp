// Event: what one observer saw, once, at one time. The one noun of the house.
// Threads: values. Wire form: schema/hinomi/v1/event.proto.
// Limits (decoding): 256 KiB an event, 128 fields, 256 list items; unknown field numbers are skipped (a newer sensor).
#pragma once

#include <hinomi/base/address.hpp>
#include <hinomi/base/time.hpp>
#include <hinomi/model/field.hpp>
#include <hinomi/model/ids.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace hinomi::model {

using FieldValue = std::variant<std::uint64_t, std::string, std::vector<std::string>>;

struct Event {
  EventKind kind = EventKind::process_start;
  EventId id;
  base::Time source_time;                            // when it happened, by the observed machine's clock
  base::Time observed_time;                          // when our probe took it up, by the same clock
  std::vector<std::pair<Field, FieldValue>> fields;  // ascending by field, each once

  bool operator==(const Event&) const = default;

  // Sets or replaces; the value's form must be that of the field's type (a broken invariant otherwise).
  Event& set(Field field, FieldValue value);
  Event& set(Field field, std::string_view value) { return set(field, FieldValue(std::string(value))); }
  Event& set(Field field, std::string value) { return set(field, FieldValue(std::move(value))); }
  Event& set(Field field, const char* value) { return set(field, std::string_view(value)); }
  Event& set(Field field, std::uint64_t value) { return set(field, FieldValue(value)); }
  Event& set(Field field, base::Time value) { return set(field, static_cast<std::uint64_t>(value.nanoseconds)); }
  Event& set(Field field, const base::Digest& value) { return set(field, value.bytes()); }
  Event& set(Field field, const base::IpAddress& value) { return set(field, value.bytes()); }
  void remove(Field field);

  [[nodiscard]] const FieldValue* find(Field field) const;  // null if absent
  [[nodiscard]] bool has(Field field) const { return find(field) != nullptr; }
  [[nodiscard]] std::string_view bytes(Field field) const;  // "" if absent
  [[nodiscard]] std::optional<std::uint64_t> number(Field field) const;
  [[nodiscard]] const std::vector<std::string>& list(Field field) const;  // empty if absent
  [[nodiscard]] std::optional<base::Time> time(Field field) const;
  [[nodiscard]] std::optional<base::Digest> digest(Field field) const;
  [[nodiscard]] std::optional<base::IpAddress> address(Field field) const;
};

// The value as a Sigma rule or a person reads it: arguments joined by spaces, digests as hex, addresses as text,
// numbers in decimal, times as RFC 3339, booleans true/false; bytes that are not UTF-8 replaced. Lists: one text an
// item.
std::string text_of(Field field, const FieldValue& value);
std::vector<std::string> texts_of(Field field, const FieldValue& value);
// Arguments (each ended by NUL) as one line with spaces between; same length as the input less the last NUL.
std::string command_line_of(std::string_view arguments);

// Encodes one event without its sensor and epoch (the batch carries them): schema/hinomi/v1/event.proto, message Event.
void encode(const Event& event, std::string& out);
// Decodes one event; sensor and epoch are the batch's.
base::Result<Event> decode_event(std::string_view bytes, const SensorId& sensor, std::uint64_t epoch);

// A sequence of events as a batch's payload carries it (message EventList). Limit: 100,000 events.
std::string encode_events(const std::vector<Event>& events);
base::Result<std::vector<Event>> decode_events(std::string_view bytes, const SensorId& sensor, std::uint64_t epoch);

// What the centre knows of an event beyond what the sensor said.
struct Provenance {
  OrganisationId organisation;
  SystemId system;
  HostId host;
  std::string host_name;
  base::Time received_time;  // when its batch was appended to the evidence log
  EntryRef entry;            // that batch's entry
};

struct RecordedEvent {
  Event event;
  Provenance provenance;
};

// JSON for people and programs: {"id":…,"kind":…,"source_time":…,…,"fields":{name: value}}. Keys in a fixed order;
// bytes that are not UTF-8 as escape_for_display shows them.
std::string to_json(const RecordedEvent& event);

}  // namespace hinomi::model
