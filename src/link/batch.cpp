#include <hinomi/link/batch.hpp>

#include <fmt/format.h>
#include <zstd.h>
#include <zstd_errors.h>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include <memory>

namespace hinomi::link {
namespace {

using base::Errc;
using base::fail;
using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::pbf_writer;
using protozero::tag_and_type;

constexpr std::uint32_t varint(std::uint32_t number) { return tag_and_type(number, pbf_wire_type::varint); }
constexpr std::uint32_t fixed(std::uint32_t number) { return tag_and_type(number, pbf_wire_type::fixed64); }
constexpr std::uint32_t bytes_of(std::uint32_t number) { return tag_and_type(number, pbf_wire_type::length_delimited); }

constexpr std::size_t kMaxCounts = 64;
constexpr std::size_t kMaxDecompressed = 16U << 20;

void put(pbf_writer& writer, std::uint32_t number, base::ByteView bytes) {
  writer.add_bytes(number, bytes.data(), bytes.size());
}

void put(pbf_writer& writer, std::uint32_t number, const std::vector<proof::Hash>& path) {
  for (const proof::Hash& hash : path) put(writer, number, hash.bytes());
}

// Views into the message; what is too long or of the wrong size is noted and makes the whole malformed.
struct Reading {
  pbf_reader reader;
  std::string_view wrong;

  explicit Reading(base::ByteView message) : reader(message.data(), message.size()) {}
  base::ByteView view() {
    const auto view = reader.get_view();
    return {view.data(), view.size()};
  }
  std::string text(std::size_t limit, std::string_view name) {
    const base::ByteView value = view();
    if (value.size() > limit) wrong = name;
    return std::string(value.substr(0, limit));
  }
  base::Digest digest(std::string_view name) {
    const auto value = base::Digest::from_bytes(view());
    if (!value) wrong = name;
    return value ? *value : base::Digest();
  }
  void hash(std::vector<proof::Hash>& path, std::string_view name) {
    const proof::Hash one = digest(name);
    if (path.size() >= proof::kMaxPath) wrong = name;
    else path.push_back(one);
  }
};

// Runs `field` on each field; the version must be 1 where the message has one.
template <class Field>
base::Status read(std::string_view what, base::ByteView message, bool versioned, const Field& field) {
  std::uint32_t version = versioned ? 0 : 1;
  try {
    Reading reading(message);
    while (reading.reader.next()) {
      if (versioned && reading.reader.tag_and_type() == varint(1)) version = reading.reader.get_uint32();
      else if (!field(reading, reading.reader.tag_and_type())) reading.reader.skip();
      if (!reading.wrong.empty())
        return fail(Errc::malformed, fmt::format("{}: {} is not as it must be", what, reading.wrong));
    }
  } catch (const protozero::exception& exception) {
    return fail(Errc::malformed, fmt::format("{}: {}", what, exception.what()));
  }
  if (version != 1) return fail(Errc::unsupported, fmt::format("{}: version {} is not known here", what, version));
  return {};
}

}  // namespace

base::Bytes encode(const Leaf& leaf) {
  base::Bytes out;
  pbf_writer writer(out);
  writer.add_uint32(1, 1);
  writer.add_uint32(2, leaf.kind);
  put(writer, 3, leaf.sensor.uuid.bytes());
  writer.add_fixed64(4, leaf.epoch);
  writer.add_uint64(5, leaf.first_sequence);
  writer.add_uint64(6, leaf.last_sequence);
  writer.add_sfixed64(7, leaf.first_time.nanoseconds);
  writer.add_sfixed64(8, leaf.last_time.nanoseconds);
  for (const auto& [kind, count] : leaf.counts) {
    pbf_writer one(writer, 9);
    one.add_uint32(1, kind);
    one.add_uint64(2, count);
  }
  writer.add_uint64(10, leaf.lost);
  put(writer, 11, leaf.manifest.bytes());
  writer.add_uint64(12, leaf.frame_length);
  if (!leaf.frame_digest.is_zero()) put(writer, 13, leaf.frame_digest.bytes());
  if (leaf.previous) put(writer, 14, leaf.previous->bytes());
  writer.add_sfixed64(15, leaf.made.nanoseconds);
  return out;
}

base::Result<Leaf> decode_leaf(base::ByteView bytes) {
  if (bytes.size() > kMaxLeaf) return fail(Errc::too_large, "ledger leaf: over 64 KiB");
  Leaf leaf;
  bool has_sensor = false;
  TRY_VOID(read("ledger leaf", bytes, true, [&](Reading& in, std::uint32_t tag) {
    switch (tag) {
      case varint(2): leaf.kind = in.reader.get_uint32(); return true;
      case bytes_of(3): {
        const auto uuid = base::Uuid::from_bytes(in.view());
        if (!uuid) in.wrong = "sensor";
        else leaf.sensor.uuid = *uuid, has_sensor = true;
        return true;
      }
      case fixed(4): leaf.epoch = in.reader.get_fixed64(); return true;
      case varint(5): leaf.first_sequence = in.reader.get_uint64(); return true;
      case varint(6): leaf.last_sequence = in.reader.get_uint64(); return true;
      case fixed(7): leaf.first_time.nanoseconds = in.reader.get_sfixed64(); return true;
      case fixed(8): leaf.last_time.nanoseconds = in.reader.get_sfixed64(); return true;
      case bytes_of(9): {
        pbf_reader one = in.reader.get_message();
        std::uint32_t kind = 0;
        std::uint64_t count = 0;
        while (one.next()) {
          if (one.tag_and_type() == varint(1)) kind = one.get_uint32();
          else if (one.tag_and_type() == varint(2)) count = one.get_uint64();
          else one.skip();
        }
        if (leaf.counts.size() >= kMaxCounts || count == 0 || !leaf.counts.emplace(kind, count).second)
          in.wrong = "counts";
        return true;
      }
      case varint(10): leaf.lost = in.reader.get_uint64(); return true;
      case bytes_of(11): leaf.manifest = in.digest("manifest"); return true;
      case varint(12): leaf.frame_length = in.reader.get_uint64(); return true;
      case bytes_of(13): {
        const base::ByteView value = in.view();
        const auto digest = base::Digest::from_bytes(value);
        if (digest) leaf.frame_digest = *digest;
        else if (!value.empty()) in.wrong = "frame_digest";
        return true;
      }
      case bytes_of(14): {
        const base::ByteView value = in.view();
        const auto digest = base::Digest::from_bytes(value);
        if (digest) leaf.previous = *digest;
        else if (!value.empty()) in.wrong = "previous";
        return true;
      }
      case fixed(15): leaf.made.nanoseconds = in.reader.get_sfixed64(); return true;
      default: return false;
    }
  }));
  if (!has_sensor) return fail(Errc::malformed, "ledger leaf: no sensor");
  if (leaf.first_sequence > leaf.last_sequence || (leaf.first_sequence == 0) != (leaf.last_sequence == 0))
    return fail(Errc::malformed, "ledger leaf: its sequence range runs backwards");
  // The sum could overflow; a count over the range's length is wrong whatever the others are.
  std::uint64_t counted = 0;
  for (const auto& [kind, count] : leaf.counts) {
    if (count > leaf.events() - counted)
      return fail(Errc::malformed, "ledger leaf: its counts do not add up to its sequence range");
    counted += count;
  }
  if (counted != leaf.events())
    return fail(Errc::malformed, "ledger leaf: its counts do not add up to its sequence range");
  if (leaf.events() > 0 && leaf.frame_length == 0) return fail(Errc::malformed, "ledger leaf: events without a frame");
  return leaf;
}

base::Bytes encode(const Batch& batch) {
  base::Bytes out;
  out.reserve(batch.frame.size() + batch.leaf.size() + 4096);
  pbf_writer writer(out);
  writer.add_uint32(1, 1);
  writer.add_string(2, batch.organisation.text());
  writer.add_string(3, batch.system.text());
  put(writer, 4, batch.sensor.uuid.bytes());
  put(writer, 5, batch.leaf);
  writer.add_uint64(6, batch.leaf_index);
  writer.add_string(7, batch.checkpoint);
  put(writer, 8, batch.inclusion);
  writer.add_uint64(9, batch.consistent_with);
  put(writer, 10, batch.consistency);
  put(writer, 11, batch.salt);
  put(writer, 12, batch.frame);
  return out;
}

base::Result<Batch> decode_batch(base::ByteView bytes) {
  if (bytes.size() > kMaxBatch) return fail(Errc::too_large, "batch: over 1 MiB");
  Batch batch;
  std::string organisation;
  std::string system;
  bool has_sensor = false;
  TRY_VOID(read("batch", bytes, true, [&](Reading& in, std::uint32_t tag) {
    switch (tag) {
      case bytes_of(2): organisation = in.text(64, "organisation"); return true;
      case bytes_of(3): system = in.text(64, "system"); return true;
      case bytes_of(4): {
        const auto uuid = base::Uuid::from_bytes(in.view());
        if (!uuid) in.wrong = "sensor";
        else batch.sensor.uuid = *uuid, has_sensor = true;
        return true;
      }
      case bytes_of(5): batch.leaf = in.text(kMaxLeaf, "leaf"); return true;
      case varint(6): batch.leaf_index = in.reader.get_uint64(); return true;
      case bytes_of(7): batch.checkpoint = in.text(kMaxCheckpoint, "checkpoint"); return true;
      case bytes_of(8): in.hash(batch.inclusion, "inclusion"); return true;
      case varint(9): batch.consistent_with = in.reader.get_uint64(); return true;
      case bytes_of(10): in.hash(batch.consistency, "consistency"); return true;
      case bytes_of(11): batch.salt = in.text(kSaltBytes, "salt"); return true;
      case bytes_of(12): batch.frame = in.text(kMaxBatch, "frame"); return true;
      default: return false;
    }
  }));
  if (!has_sensor) return fail(Errc::malformed, "batch: no sensor");
  if (batch.salt.size() != (batch.frame.empty() ? 0 : kSaltBytes))
    return fail(Errc::malformed, "batch: a frame needs a salt of 32 bytes");
  batch.organisation = TRY(model::OrganisationId::parse(organisation));
  batch.system = TRY(model::SystemId::parse(system));
  return batch;
}

base::Bytes encode(const Receipt& receipt) {
  base::Bytes out;
  pbf_writer writer(out);
  writer.add_uint32(1, 1);
  put(writer, 2, receipt.leaf_hash.bytes());
  writer.add_uint64(3, receipt.leaf_index);
  writer.add_string(4, receipt.sensor_checkpoint);
  writer.add_uint64(5, receipt.batch_entry);
  put(writer, 6, receipt.batch_entry_hash.bytes());
  writer.add_sfixed64(7, receipt.received.nanoseconds);
  writer.add_fixed64(8, receipt.epoch);
  writer.add_uint64(9, receipt.last_sequence);
  return out;
}

base::Result<Receipt> decode_receipt(base::ByteView bytes) {
  if (bytes.size() > kMaxLeaf) return fail(Errc::too_large, "receipt: over 64 KiB");
  Receipt receipt;
  TRY_VOID(read("receipt", bytes, true, [&](Reading& in, std::uint32_t tag) {
    switch (tag) {
      case bytes_of(2): receipt.leaf_hash = in.digest("leaf_hash"); return true;
      case varint(3): receipt.leaf_index = in.reader.get_uint64(); return true;
      case bytes_of(4): receipt.sensor_checkpoint = in.text(kMaxCheckpoint, "sensor_checkpoint"); return true;
      case varint(5): receipt.batch_entry = in.reader.get_uint64(); return true;
      case bytes_of(6): receipt.batch_entry_hash = in.digest("batch_entry_hash"); return true;
      case fixed(7): receipt.received.nanoseconds = in.reader.get_sfixed64(); return true;
      case fixed(8): receipt.epoch = in.reader.get_fixed64(); return true;
      case varint(9): receipt.last_sequence = in.reader.get_uint64(); return true;
      default: return false;
    }
  }));
  return receipt;
}

base::Bytes encode(const ReceiptAnswer& answer) {
  base::Bytes out;
  pbf_writer writer(out);
  put(writer, 1, answer.leaf);
  writer.add_uint64(2, answer.entry);
  writer.add_string(3, answer.checkpoint);
  put(writer, 4, answer.inclusion);
  writer.add_uint64(5, answer.consistent_with);
  put(writer, 6, answer.consistency);
  return out;
}

base::Result<ReceiptAnswer> decode_answer(base::ByteView bytes) {
  if (bytes.size() > kMaxAnswer) return fail(Errc::too_large, "receipt answer: over 256 KiB");
  ReceiptAnswer answer;
  TRY_VOID(read("receipt answer", bytes, false, [&](Reading& in, std::uint32_t tag) {
    switch (tag) {
      case bytes_of(1): answer.leaf = in.text(kMaxLeaf, "receipt"); return true;
      case varint(2): answer.entry = in.reader.get_uint64(); return true;
      case bytes_of(3): answer.checkpoint = in.text(kMaxCheckpoint, "checkpoint"); return true;
      case bytes_of(4): in.hash(answer.inclusion, "inclusion"); return true;
      case varint(5): answer.consistent_with = in.reader.get_uint64(); return true;
      case bytes_of(6): in.hash(answer.consistency, "consistency"); return true;
      default: return false;
    }
  }));
  return answer;
}

base::Result<EntryLeaf> decode_entry_leaf(base::ByteView bytes) {
  if (bytes.size() > kMaxLeaf) return fail(Errc::too_large, "evidence leaf: over 64 KiB");
  EntryLeaf leaf;
  TRY_VOID(read("evidence leaf", bytes, true, [&](Reading& in, std::uint32_t tag) {
    switch (tag) {
      case varint(2): leaf.kind = in.reader.get_uint32(); return true;
      case fixed(3): leaf.received.nanoseconds = in.reader.get_sfixed64(); return true;
      case bytes_of(4): leaf.organisation = in.text(64, "organisation"); return true;
      case bytes_of(5): leaf.system = in.text(64, "system"); return true;
      case bytes_of(6): leaf.sensor = in.text(16, "sensor"); return true;
      case bytes_of(9): leaf.inline_payload = in.text(kMaxLeaf, "inline"); return true;
      default: return false;
    }
  }));
  return leaf;
}

base::Result<base::Bytes> decompress_frame(base::ByteView frame) {
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  HINOMI_CHECK(context != nullptr);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 23);  // 8 MiB
  const unsigned long long stated = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (stated == ZSTD_CONTENTSIZE_ERROR) return fail(Errc::malformed, "frame: not zstd");
  if (stated != ZSTD_CONTENTSIZE_UNKNOWN && stated > kMaxDecompressed)
    return fail(Errc::too_large, "frame: over 16 MiB once decompressed");
  base::Bytes out;
  ZSTD_inBuffer in{frame.data(), frame.size(), 0};
  while (true) {
    const std::size_t before = out.size();
    if (before > kMaxDecompressed) return fail(Errc::too_large, "frame: over 16 MiB once decompressed");
    // What a frame says of its size is only a first guess at the room; it grows with what really comes out.
    const std::size_t room =
        before == 0 && stated != ZSTD_CONTENTSIZE_UNKNOWN ? std::min<std::size_t>(stated + 1, 1U << 20) : 1U << 18;
    out.resize(before + room);
    ZSTD_outBuffer to{out.data() + before, room, 0};
    const std::size_t left = ZSTD_decompressStream(context.get(), &to, &in);
    out.resize(before + to.pos);
    if (ZSTD_isError(left)) {
      const bool large = ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge;
      return fail(large ? Errc::too_large : Errc::malformed, fmt::format("frame: {}", ZSTD_getErrorName(left)));
    }
    if (left == 0) break;
    if (to.pos < to.size && in.pos == in.size) return fail(Errc::malformed, "frame: cut short");
  }
  if (in.pos != in.size) return fail(Errc::malformed, "frame: bytes behind its end");
  if (out.size() > kMaxDecompressed) return fail(Errc::too_large, "frame: over 16 MiB once decompressed");
  return out;
}

}  // namespace hinomi::link
