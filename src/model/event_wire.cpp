// Wire form of events: protobuf by protozero, field by field from the catalogue.
#include <hinomi/base/escape.hpp>
#include <hinomi/model/event.hpp>

#include <fmt/core.h>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace hinomi::model {
namespace {

constexpr std::size_t kMaxEvent = 256U << 10;
constexpr std::size_t kMaxFields = 128;
constexpr std::size_t kMaxItems = 256;
constexpr std::size_t kMaxEvents = 100'000;

enum Tag : std::uint8_t { kKind = 1, kSequence = 2, kSourceTime = 3, kObservedTime = 4, kEvents = 1 };

protozero::pbf_wire_type wire_type_of(FieldType type) {
  switch (type) {
    case FieldType::number:
    case FieldType::boolean: return protozero::pbf_wire_type::varint;
    case FieldType::time: return protozero::pbf_wire_type::fixed64;
    default: return protozero::pbf_wire_type::length_delimited;
  }
}

void encode_field(protozero::pbf_writer& out, const FieldRow& row, const FieldValue& value) {
  const auto tag = static_cast<protozero::pbf_tag_type>(row.field);
  if (const auto* items = std::get_if<std::vector<std::string>>(&value)) {
    for (const std::string& item : *items) out.add_bytes(tag, item);
  } else if (const auto* bytes = std::get_if<std::string>(&value)) {
    out.add_bytes(tag, *bytes);
  } else if (row.type == FieldType::time) {
    out.add_sfixed64(tag, static_cast<std::int64_t>(std::get<std::uint64_t>(value)));
  } else if (row.type == FieldType::boolean) {
    out.add_bool(tag, std::get<std::uint64_t>(value) != 0);
  } else {
    out.add_uint64(tag, std::get<std::uint64_t>(value));
  }
}

base::Status check_bytes(const FieldRow& row, std::string_view bytes) {
  const auto bad = [&](std::string_view expected) {
    return base::fail(base::Errc::malformed, fmt::format("event field {}: {} was expected", row.name, expected));
  };
  if (row.type == FieldType::digest && bytes.size() != 32) return bad("a digest of 32 bytes");
  if (row.type == FieldType::address && bytes.size() != 4 && bytes.size() != 16)
    return bad("an address of 4 or 16 bytes");
  if ((row.type == FieldType::text || row.type == FieldType::texts) && !base::is_valid_utf8(bytes)) return bad("UTF-8");
  return {};
}

base::Status decode_field(protozero::pbf_reader& in, Event& event) {
  const auto field = field_numbered(in.tag());
  if (!field) {
    in.skip();
    return {};
  }
  const FieldRow& row = row_of(*field);
  if (in.wire_type() != wire_type_of(row.type))
    return base::fail(base::Errc::malformed, fmt::format("event field {}: wrong wire type", row.name));
  if (row.type == FieldType::texts || row.type == FieldType::paths) {
    const auto view = in.get_view();
    const std::string_view bytes(view.data(), view.size());
    TRY_VOID(check_bytes(row, bytes));
    std::vector<std::string> items = event.list(*field);
    if (items.size() >= kMaxItems)
      return base::fail(base::Errc::too_large, fmt::format("event field {}: more than {} items", row.name, kMaxItems));
    items.emplace_back(bytes);
    event.set(*field, FieldValue(std::move(items)));
  } else if (row.type == FieldType::time) {
    event.set(*field, static_cast<std::uint64_t>(in.get_sfixed64()));
  } else if (row.type == FieldType::boolean) {
    // Not get_bool(): in protozero 1.7.1 it reads a byte behind a message that ends before the value.
    event.set(*field, static_cast<std::uint64_t>(in.get_uint64() != 0 ? 1 : 0));
  } else if (row.type == FieldType::number) {
    event.set(*field, static_cast<std::uint64_t>(in.get_uint64()));
  } else {
    const auto view = in.get_view();
    const std::string_view bytes(view.data(), view.size());
    TRY_VOID(check_bytes(row, bytes));
    event.set(*field, bytes);
  }
  return {};
}

base::Result<Event> decode_fields(std::string_view bytes, const SensorId& sensor, std::uint64_t epoch) {
  if (bytes.size() > kMaxEvent)
    return base::fail(base::Errc::too_large,
                      fmt::format("an event of {} bytes; the limit is {}", bytes.size(), kMaxEvent));
  Event event;
  event.id.sensor = sensor;
  event.id.epoch = epoch;
  bool has_kind = false;
  protozero::pbf_reader in(bytes.data(), bytes.size());
  while (in.next()) {
    const auto expect = [&](protozero::pbf_wire_type type) { return in.wire_type() == type; };
    if (in.tag() == kKind && expect(protozero::pbf_wire_type::varint)) {
      const std::uint32_t number = in.get_uint32();
      const auto kind = kind_numbered(number);
      if (!kind)
        return base::fail(base::Errc::unsupported, fmt::format("event kind {} is not known to this version", number));
      event.kind = *kind;
      has_kind = true;
    } else if (in.tag() == kSequence && expect(protozero::pbf_wire_type::varint)) {
      event.id.sequence = in.get_uint64();
    } else if (in.tag() == kSourceTime && expect(protozero::pbf_wire_type::fixed64)) {
      event.source_time.nanoseconds = in.get_sfixed64();
    } else if (in.tag() == kObservedTime && expect(protozero::pbf_wire_type::fixed64)) {
      event.observed_time.nanoseconds = in.get_sfixed64();
    } else {
      TRY_VOID(decode_field(in, event));
      if (event.fields.size() > kMaxFields)
        return base::fail(base::Errc::too_large, fmt::format("an event with more than {} fields", kMaxFields));
    }
  }
  if (!has_kind || event.id.sequence == 0)
    return base::fail(base::Errc::malformed, "an event without kind or sequence");
  return event;
}

}  // namespace

void encode(const Event& event, std::string& out) {
  protozero::pbf_writer writer(out);
  writer.add_uint32(kKind, static_cast<std::uint32_t>(event.kind));
  writer.add_uint64(kSequence, event.id.sequence);
  writer.add_sfixed64(kSourceTime, event.source_time.nanoseconds);
  writer.add_sfixed64(kObservedTime, event.observed_time.nanoseconds);
  for (const auto& [field, value] : event.fields) encode_field(writer, row_of(field), value);
}

base::Result<Event> decode_event(std::string_view bytes, const SensorId& sensor, std::uint64_t epoch) {
  try {
    return decode_fields(bytes, sensor, epoch);
  } catch (const protozero::exception& error) {
    return base::fail(base::Errc::malformed, fmt::format("event: not protobuf: {}", error.what()));
  }
}

std::string encode_events(const std::vector<Event>& events) {
  std::string out;
  protozero::pbf_writer writer(out);
  std::string one;
  for (const Event& event : events) {
    one.clear();
    encode(event, one);
    writer.add_message(kEvents, one);
  }
  return out;
}

base::Result<std::vector<Event>> decode_events(std::string_view bytes, const SensorId& sensor, std::uint64_t epoch) {
  std::vector<Event> out;
  try {
    protozero::pbf_reader in(bytes.data(), bytes.size());
    while (in.next()) {
      if (in.tag() != kEvents || in.wire_type() != protozero::pbf_wire_type::length_delimited) {
        in.skip();
        continue;
      }
      if (out.size() >= kMaxEvents)
        return base::fail(base::Errc::too_large, fmt::format("more than {} events in one batch", kMaxEvents));
      const auto view = in.get_view();
      Event event = TRY(decode_fields({view.data(), view.size()}, sensor, epoch));
      out.push_back(std::move(event));
    }
  } catch (const protozero::exception& error) {
    return base::fail(base::Errc::malformed, fmt::format("event list: not protobuf: {}", error.what()));
  }
  return out;
}

}  // namespace hinomi::model
