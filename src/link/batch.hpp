// What crosses the link: batches one way, receipts the other. Wire form: schema/hinomi/v1/batch.proto.
// Threads: values and pure functions.
// Fails:   Errc::malformed, too_large, unsupported (a newer version). Unknown field numbers are skipped.
// Limits:  batch 1 MiB, leaf 64 KiB, checkpoint 16 KiB, 64 hashes a path, frame within the batch; answer 256 KiB.
#pragma once

#include <hinomi/base/time.hpp>
#include <hinomi/model/event.hpp>
#include <hinomi/proof/tree.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hinomi::link {

inline constexpr std::size_t kMaxBatch = 1U << 20;
inline constexpr std::size_t kMaxAnswer = 256U << 10;
inline constexpr std::size_t kMaxLeaf = 65'535;
inline constexpr std::size_t kMaxCheckpoint = 16U << 10;
inline constexpr std::size_t kSaltBytes = 32;

enum class LeafKind : std::uint8_t { events = 1, heartbeat = 2 };  // numbers are never reused

// A leaf of the sensor's ledger, as far as the centre needs to understand it.
struct Leaf {
  std::uint32_t kind = 0;  // LeafKind; others come from newer sensors and hold no events
  model::SensorId sensor;
  std::uint64_t epoch = 0;
  std::uint64_t first_sequence = 0;  // 0 with last_sequence 0: no events
  std::uint64_t last_sequence = 0;
  base::Time first_time;
  base::Time last_time;
  std::map<std::uint32_t, std::uint64_t> counts;  // EventKind → events
  std::uint64_t lost = 0;
  base::Digest manifest;
  std::uint64_t frame_length = 0;
  base::Digest frame_digest;            // SHA-256(salt || frame); zero if there is no frame
  std::optional<proof::Hash> previous;  // of the leaf before
  base::Time made;
  bool operator==(const Leaf&) const = default;

  [[nodiscard]] std::uint64_t events() const { return last_sequence == 0 ? 0 : last_sequence - first_sequence + 1; }
};
base::Bytes encode(const Leaf& leaf);
// Also refuses ranges and counts that contradict each other.
base::Result<Leaf> decode_leaf(base::ByteView bytes);

struct Batch {
  model::OrganisationId organisation;
  model::SystemId system;
  model::SensorId sensor;
  base::Bytes leaf;
  std::uint64_t leaf_index = 0;
  std::string checkpoint;
  std::vector<proof::Hash> inclusion;
  std::uint64_t consistent_with = 0;
  std::vector<proof::Hash> consistency;
  base::Bytes salt;   // with a frame 32 bytes, else none
  base::Bytes frame;  // empty for leaves without events, and for payloads that the spool had to drop
  bool operator==(const Batch&) const = default;
};
base::Bytes encode(const Batch& batch);
base::Result<Batch> decode_batch(base::ByteView bytes);

struct Receipt {
  proof::Hash leaf_hash;
  std::uint64_t leaf_index = 0;
  std::string sensor_checkpoint;
  std::uint64_t batch_entry = 0;
  proof::Hash batch_entry_hash;
  base::Time received;
  std::uint64_t epoch = 0;          // of the sensor's last event up to this leaf
  std::uint64_t last_sequence = 0;  // its number; 0 if there has been none in this epoch
  bool operator==(const Receipt&) const = default;
};
base::Bytes encode(const Receipt& receipt);
base::Result<Receipt> decode_receipt(base::ByteView bytes);

struct ReceiptAnswer {
  base::Bytes leaf;  // of the receipt's entry: EvidenceLeaf with the Receipt inline
  std::uint64_t entry = 0;
  std::string checkpoint;
  std::vector<proof::Hash> inclusion;
  std::uint64_t consistent_with = 0;
  std::vector<proof::Hash> consistency;
  bool operator==(const ReceiptAnswer&) const = default;
};
base::Bytes encode(const ReceiptAnswer& answer);
base::Result<ReceiptAnswer> decode_answer(base::ByteView bytes);

// What an entry of an evidence log says, as far as the link reads it: schema/hinomi/v1/evidence.proto, EvidenceLeaf.
struct EntryLeaf {
  std::uint32_t kind = 0;  // 1 batch, 2 receipt, 3 act
  base::Time received;
  std::string organisation;
  std::string system;
  base::Bytes sensor;
  base::Bytes inline_payload;
};
base::Result<EntryLeaf> decode_entry_leaf(base::ByteView bytes);

// The content of a frame: zstd, at most 16 MiB once decompressed, window at most 8 MiB; nothing behind its end.
base::Result<base::Bytes> decompress_frame(base::ByteView frame);

}  // namespace hinomi::link
