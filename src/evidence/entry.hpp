// An entry of an evidence log: what its leaf says, and the payload that it commits to.
// Threads: values and pure functions. Wire form: schema/hinomi/v1/evidence.proto, message EvidenceLeaf.
// Fails:   Errc::malformed, Errc::unsupported (a newer version or kind).
#pragma once

#include <hinomi/base/digest.hpp>
#include <hinomi/base/time.hpp>
#include <hinomi/model/ids.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hinomi::evidence {

enum class EntryKind : std::uint8_t { batch = 1, receipt = 2, act = 3 };  // numbers are never reused
std::string_view name_of(EntryKind kind);

// What is to be logged. `system` and `sensor` are absent if the entry concerns none.
struct Draft {
  EntryKind kind = EntryKind::act;
  model::SystemId system;
  std::optional<model::SensorId> sensor;
  base::Bytes payload;
};

struct Leaf {
  EntryKind kind = EntryKind::act;
  base::Time received;  // strictly after that of the entry before
  model::OrganisationId organisation;
  model::SystemId system;  // empty if none
  std::optional<model::SensorId> sensor;
  std::uint64_t payload_length = 0;
  base::Digest payload_digest;
  std::optional<base::Bytes> inline_payload;  // then nothing lies beside the leaf
  bool operator==(const Leaf&) const = default;
};

// Payloads of receipts and acts up to this size stand in the leaf, so that they outlive retention.
inline constexpr std::size_t kMaxInline = 32U << 10;

// The leaf of a draft; batches never stand in their leaf.
Leaf make_leaf(const Draft& draft, const model::OrganisationId& organisation, base::Time received);
base::Bytes encode(const Leaf& leaf);
base::Result<Leaf> decode_leaf(base::ByteView bytes);

struct Entry {
  std::uint64_t index = 0;
  Leaf leaf;
  base::Bytes payload;
};
// Puts leaf and payload together: corrupt if the payload is not the one that the leaf commits to.
base::Result<Entry> make_entry(std::uint64_t index, Leaf leaf, base::Bytes payload);

}  // namespace hinomi::evidence
