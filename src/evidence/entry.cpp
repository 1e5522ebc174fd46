#include <hinomi/evidence/entry.hpp>

#include <fmt/core.h>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace hinomi::evidence {
namespace {

enum Tag : std::uint8_t {
  kVersion = 1,
  kKind = 2,
  kReceived = 3,
  kOrganisation = 4,
  kSystem = 5,
  kSensor = 6,
  kPayloadLength = 7,
  kPayloadDigest = 8,
  kInline = 9,
};
constexpr std::uint32_t kThisVersion = 1;

std::string_view view_of(protozero::pbf_reader& in) {
  const auto view = in.get_view();
  return {view.data(), view.size()};
}

base::Result<Leaf> decode_fields(base::ByteView bytes) {
  Leaf leaf;
  std::uint32_t version = 0;
  std::uint32_t kind = 0;
  bool has_digest = false;
  protozero::pbf_reader in(bytes.data(), bytes.size());
  while (in.next()) {
    switch (in.tag_and_type()) {
      case protozero::tag_and_type(kVersion, protozero::pbf_wire_type::varint): version = in.get_uint32(); break;
      case protozero::tag_and_type(kKind, protozero::pbf_wire_type::varint): kind = in.get_uint32(); break;
      case protozero::tag_and_type(kReceived, protozero::pbf_wire_type::fixed64):
        leaf.received = {in.get_sfixed64()};
        break;
      case protozero::tag_and_type(kOrganisation, protozero::pbf_wire_type::length_delimited):
        leaf.organisation = TRY(model::OrganisationId::parse(view_of(in)));
        break;
      case protozero::tag_and_type(kSystem, protozero::pbf_wire_type::length_delimited):
        leaf.system = TRY(model::SystemId::parse(view_of(in)));
        break;
      case protozero::tag_and_type(kSensor, protozero::pbf_wire_type::length_delimited):
        leaf.sensor = model::SensorId{TRY(base::Uuid::from_bytes(view_of(in)))};
        break;
      case protozero::tag_and_type(kPayloadLength, protozero::pbf_wire_type::varint):
        leaf.payload_length = in.get_uint64();
        break;
      case protozero::tag_and_type(kPayloadDigest, protozero::pbf_wire_type::length_delimited):
        leaf.payload_digest = TRY(base::Digest::from_bytes(view_of(in)));
        has_digest = true;
        break;
      case protozero::tag_and_type(kInline, protozero::pbf_wire_type::length_delimited):
        leaf.inline_payload = view_of(in);
        break;
      default: in.skip(); break;
    }
  }
  if (version != kThisVersion)
    return base::fail(base::Errc::unsupported,
                      fmt::format("evidence entry: version {} is not known to this program", version));
  if (kind < static_cast<std::uint32_t>(EntryKind::batch) || kind > static_cast<std::uint32_t>(EntryKind::act))
    return base::fail(base::Errc::unsupported,
                      fmt::format("evidence entry: kind {} is not known to this program", kind));
  leaf.kind = static_cast<EntryKind>(kind);
  if (leaf.organisation.empty() || !has_digest)
    return base::fail(base::Errc::malformed, "evidence entry: no organisation or no payload digest");
  if (leaf.inline_payload &&
      (leaf.inline_payload->size() != leaf.payload_length || base::sha256(*leaf.inline_payload) != leaf.payload_digest))
    return base::fail(base::Errc::malformed,
                      "evidence entry: the payload in the leaf is not the one that the leaf commits to");
  return leaf;
}

}  // namespace

std::string_view name_of(EntryKind kind) {
  switch (kind) {
    case EntryKind::batch: return "batch";
    case EntryKind::receipt: return "receipt";
    case EntryKind::act: return "act";
  }
  return "";
}

Leaf make_leaf(const Draft& draft, const model::OrganisationId& organisation, base::Time received) {
  Leaf leaf{.kind = draft.kind,
            .received = received,
            .organisation = organisation,
            .system = draft.system,
            .sensor = draft.sensor,
            .payload_length = draft.payload.size(),
            .payload_digest = base::sha256(draft.payload),
            .inline_payload = std::nullopt};
  if (draft.kind != EntryKind::batch && draft.payload.size() <= kMaxInline) leaf.inline_payload = draft.payload;
  return leaf;
}

base::Bytes encode(const Leaf& leaf) {
  base::Bytes out;
  protozero::pbf_writer writer(out);
  writer.add_uint32(kVersion, kThisVersion);
  writer.add_uint32(kKind, static_cast<std::uint32_t>(leaf.kind));
  writer.add_sfixed64(kReceived, leaf.received.nanoseconds);
  writer.add_string(kOrganisation, leaf.organisation.text());
  if (!leaf.system.empty()) writer.add_string(kSystem, leaf.system.text());
  if (leaf.sensor) {
    const base::ByteView sensor = leaf.sensor->uuid.bytes();
    writer.add_bytes(kSensor, sensor.data(), sensor.size());
  }
  writer.add_uint64(kPayloadLength, leaf.payload_length);
  const base::ByteView digest = leaf.payload_digest.bytes();
  writer.add_bytes(kPayloadDigest, digest.data(), digest.size());
  if (leaf.inline_payload) writer.add_bytes(kInline, *leaf.inline_payload);
  return out;
}

base::Result<Leaf> decode_leaf(base::ByteView bytes) {
  try {
    return decode_fields(bytes);
  } catch (const protozero::exception& error) {
    return base::fail(base::Errc::malformed, fmt::format("evidence entry: not protobuf: {}", error.what()));
  }
}

base::Result<Entry> make_entry(std::uint64_t index, Leaf leaf, base::Bytes payload) {
  if (payload.size() != leaf.payload_length || base::sha256(payload) != leaf.payload_digest)
    return base::fail(base::Errc::corrupt,
                      fmt::format("entry {}: the payload is not the one that its leaf commits to", index));
  return Entry{index, std::move(leaf), std::move(payload)};
}

}  // namespace hinomi::evidence
