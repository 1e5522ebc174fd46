// What the ledger's entries are made of: schema/hinomi/v1/batch.proto, messages LedgerLeaf and SpoolRecord.
// Owns:    nothing.
// Threads: values and pure functions.
// Fails:   Errc::malformed, Errc::too_large (leaf 64 KiB, 64 counts; frame 1 MiB). Unknown field numbers are skipped.
#pragma once

#include <hinomi/base/digest.hpp>
#include <hinomi/base/time.hpp>
#include <hinomi/model/event.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace hinomi::consent {

// LedgerLeaf.kind: never reused.
enum class LeafKind : std::uint8_t {
  events = 1,
  heartbeat = 2,  // holds no events; says "still here", and what the manifest withheld
};

using Counts = std::map<model::EventKind, std::uint64_t>;

struct LedgerLeaf {
  LeafKind kind = LeafKind::events;
  model::SensorId sensor;
  std::uint64_t epoch = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;
  base::Time first_time;
  base::Time last_time;
  Counts counts;           // of the events in the frame
  std::uint64_t lost = 0;  // sum of loss_count over the loss events in the frame
  base::Digest manifest;
  std::uint64_t frame_length = 0;
  base::Digest frame_digest;             // SHA-256(salt || frame); zero without a frame
  std::optional<base::Digest> previous;  // RFC 6962 hash of the leaf before; none for the first
  base::Time made;
  Counts withheld;  // what the manifest kept back since the leaf before; these have no sequence numbers

  bool operator==(const LedgerLeaf&) const = default;
  [[nodiscard]] std::uint64_t events() const { return last_sequence == 0 ? 0 : last_sequence - first_sequence + 1; }
};

inline constexpr std::size_t kMaxLeaf = 65'535;
inline constexpr std::size_t kMaxFrame = 1U << 20;
inline constexpr std::size_t kMaxDecompressed = 16U << 20;

base::Bytes encode(const LedgerLeaf& leaf);
base::Result<LedgerLeaf> decode_leaf(base::ByteView bytes);

struct SpoolRecord {
  base::Bytes salt;   // 32 bytes; empty without a frame
  base::Bytes frame;  // zstd of an EventList; empty for a heartbeat
};
base::Bytes encode(const SpoolRecord& record);
base::Result<SpoolRecord> decode_record(base::ByteView bytes);

// zstd, one frame that states its content's size.
base::Bytes compress_frame(base::ByteView content);
// At most kMaxDecompressed bytes, window at most 8 MiB.
base::Result<base::Bytes> decompress_frame(base::ByteView frame);

// Whether salt and frame are what the leaf commits to; Errc::corrupt if not.
base::Status check_frame(const LedgerLeaf& leaf, const SpoolRecord& record);
// The events that a leaf stands for, in clear: what the owner reads. Checks the commitment first.
base::Result<std::vector<model::Event>> open_record(const LedgerLeaf& leaf, const SpoolRecord& record);

}  // namespace hinomi::consent
