#include <hinomi/consent/leaf.hpp>

#include <fmt/core.h>
#include <zstd.h>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include <memory>

namespace hinomi::consent {
namespace {

using base::Errc;
using base::fail;

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kMaxCounts = 64;
constexpr int kLevel = 3;
constexpr int kMaxWindowLog = 23;  // 8 MiB
constexpr std::size_t kSalt = 32;

enum LeafTag : std::uint8_t {
  kLeafVersion = 1,
  kLeafKind = 2,
  kSensor = 3,
  kEpoch = 4,
  kFirstSequence = 5,
  kLastSequence = 6,
  kFirstTime = 7,
  kLastTime = 8,
  kCounts = 9,
  kLost = 10,
  kManifest = 11,
  kFrameLength = 12,
  kFrameDigest = 13,
  kPrevious = 14,
  kMade = 15,
  kWithheld = 16,
};
enum CountTag : std::uint8_t { kCountKind = 1, kCount = 2 };
enum RecordTag : std::uint8_t { kRecordSalt = 1, kRecordFrame = 2 };

// A field is known by its number and its wire type together; with another type it is skipped, like an unknown one.
constexpr std::uint32_t varint(protozero::pbf_tag_type tag) {
  return protozero::tag_and_type(tag, protozero::pbf_wire_type::varint);
}
constexpr std::uint32_t fixed64(protozero::pbf_tag_type tag) {
  return protozero::tag_and_type(tag, protozero::pbf_wire_type::fixed64);
}
constexpr std::uint32_t bytes_of(protozero::pbf_tag_type tag) {
  return protozero::tag_and_type(tag, protozero::pbf_wire_type::length_delimited);
}

void put_counts(protozero::pbf_writer& out, protozero::pbf_tag_type tag, const Counts& counts) {
  for (const auto& [kind, count] : counts) {
    protozero::pbf_writer inner(out, tag);
    inner.add_uint32(kCountKind, static_cast<std::uint32_t>(kind));
    inner.add_uint64(kCount, count);
  }
}

base::ByteView view_of(protozero::pbf_reader& in) {
  const auto view = in.get_view();
  return {view.data(), view.size()};
}

base::Status get_count(protozero::pbf_reader& in, Counts& counts) {
  protozero::pbf_reader inner(in.get_view());
  std::uint32_t number = 0;
  std::uint64_t count = 0;
  while (inner.next()) {
    switch (inner.tag_and_type()) {
      case varint(kCountKind): number = inner.get_uint32(); break;
      case varint(kCount): count = inner.get_uint64(); break;
      default: inner.skip();
    }
  }
  const auto kind = model::kind_numbered(number);
  if (!kind) return fail(Errc::malformed, fmt::format("leaf: there is no kind of event {}", number));
  if (!counts.emplace(*kind, count).second) return fail(Errc::malformed, "leaf: a kind is counted twice");
  return {};
}

base::Result<LedgerLeaf> read_leaf(base::ByteView bytes) {
  LedgerLeaf out;
  std::uint32_t version = 0;
  std::uint32_t kind = 0;
  std::size_t counts = 0;
  protozero::pbf_reader in(bytes.data(), bytes.size());
  while (in.next()) {
    switch (in.tag_and_type()) {
      case varint(kLeafVersion): version = in.get_uint32(); break;
      case varint(kLeafKind): kind = in.get_uint32(); break;
      case bytes_of(kSensor): out.sensor.uuid = TRY(base::Uuid::from_bytes(view_of(in))); break;
      case fixed64(kEpoch): out.epoch = in.get_fixed64(); break;
      case varint(kFirstSequence): out.first_sequence = in.get_uint64(); break;
      case varint(kLastSequence): out.last_sequence = in.get_uint64(); break;
      case fixed64(kFirstTime): out.first_time.nanoseconds = in.get_sfixed64(); break;
      case fixed64(kLastTime): out.last_time.nanoseconds = in.get_sfixed64(); break;
      case bytes_of(kCounts):
      case bytes_of(kWithheld):
        if (++counts > 2 * kMaxCounts) return fail(Errc::too_large, "leaf: too many counts");
        TRY_VOID(get_count(in, in.tag() == kCounts ? out.counts : out.withheld));
        break;
      case varint(kLost): out.lost = in.get_uint64(); break;
      case bytes_of(kManifest): out.manifest = TRY(base::Digest::from_bytes(view_of(in))); break;
      case varint(kFrameLength): out.frame_length = in.get_uint64(); break;
      case bytes_of(kFrameDigest): out.frame_digest = TRY(base::Digest::from_bytes(view_of(in))); break;
      case bytes_of(kPrevious):
        if (const auto previous = view_of(in); !previous.empty())
          out.previous = TRY(base::Digest::from_bytes(previous));
        break;
      case fixed64(kMade): out.made.nanoseconds = in.get_sfixed64(); break;
      default: in.skip();
    }
  }
  if (version != kVersion) return fail(Errc::unsupported, fmt::format("leaf: version {} is not known", version));
  if (kind != static_cast<std::uint32_t>(LeafKind::events) && kind != static_cast<std::uint32_t>(LeafKind::heartbeat))
    return fail(Errc::unsupported, fmt::format("leaf: kind {} is not known", kind));
  out.kind = static_cast<LeafKind>(kind);
  if ((out.first_sequence == 0) != (out.last_sequence == 0) || out.first_sequence > out.last_sequence)
    return fail(Errc::malformed, "leaf: its sequence range does not hold together");
  std::uint64_t sum = 0;
  for (const auto& [unused, count] : out.counts)
    if (__builtin_add_overflow(sum, count, &sum)) return fail(Errc::malformed, "leaf: its counts overflow");
  if (sum != out.events()) return fail(Errc::malformed, "leaf: its counts are not those of its sequence range");
  return out;
}

base::Result<SpoolRecord> read_record(base::ByteView bytes) {
  SpoolRecord out;
  protozero::pbf_reader in(bytes.data(), bytes.size());
  while (in.next()) {
    switch (in.tag_and_type()) {
      case bytes_of(kRecordSalt): out.salt = std::string(view_of(in)); break;
      case bytes_of(kRecordFrame): out.frame = std::string(view_of(in)); break;
      default: in.skip();
    }
  }
  if (out.salt.size() != (out.frame.empty() ? 0 : kSalt))
    return fail(Errc::malformed, "spool record: a salt of 32 bytes belongs to a frame, and none to no frame");
  if (out.frame.size() > kMaxFrame) return fail(Errc::too_large, "spool record: the frame has more than 1 MiB");
  return out;
}

// protozero throws on what is not protobuf: here it becomes a Result.
template <class Read>
auto guarded(Read read, base::ByteView bytes, std::string_view what) -> decltype(read(bytes)) {
  try {
    return read(bytes);
  } catch (const std::exception& error) {
    return fail(Errc::malformed, fmt::format("{}: {}", what, error.what()));
  }
}

}  // namespace

base::Bytes encode(const LedgerLeaf& leaf) {
  base::Bytes bytes;
  protozero::pbf_writer out(bytes);
  out.add_uint32(kLeafVersion, kVersion);
  out.add_uint32(kLeafKind, static_cast<std::uint32_t>(leaf.kind));
  out.add_bytes(kSensor, std::string(leaf.sensor.uuid.bytes()));
  out.add_fixed64(kEpoch, leaf.epoch);
  out.add_uint64(kFirstSequence, leaf.first_sequence);
  out.add_uint64(kLastSequence, leaf.last_sequence);
  out.add_sfixed64(kFirstTime, leaf.first_time.nanoseconds);
  out.add_sfixed64(kLastTime, leaf.last_time.nanoseconds);
  put_counts(out, kCounts, leaf.counts);
  out.add_uint64(kLost, leaf.lost);
  out.add_bytes(kManifest, std::string(leaf.manifest.bytes()));
  out.add_uint64(kFrameLength, leaf.frame_length);
  out.add_bytes(kFrameDigest, std::string(leaf.frame_digest.bytes()));
  if (leaf.previous) out.add_bytes(kPrevious, std::string(leaf.previous->bytes()));
  out.add_sfixed64(kMade, leaf.made.nanoseconds);
  put_counts(out, kWithheld, leaf.withheld);
  return bytes;
}

base::Result<LedgerLeaf> decode_leaf(base::ByteView bytes) {
  if (bytes.size() > kMaxLeaf) return fail(Errc::too_large, "leaf: more than 65,535 bytes");
  return guarded(read_leaf, bytes, "leaf");
}

base::Bytes encode(const SpoolRecord& record) {
  base::Bytes bytes;
  protozero::pbf_writer out(bytes);
  out.add_bytes(kRecordSalt, record.salt);
  out.add_bytes(kRecordFrame, record.frame);
  return bytes;
}

base::Result<SpoolRecord> decode_record(base::ByteView bytes) {
  if (bytes.size() > kMaxFrame + 1024) return fail(Errc::too_large, "spool record: more than 1 MiB");
  return guarded(read_record, bytes, "spool record");
}

base::Bytes compress_frame(base::ByteView content) {
  base::Bytes out(ZSTD_compressBound(content.size()), '\0');
  const std::size_t size = ZSTD_compress(out.data(), out.size(), content.data(), content.size(), kLevel);
  HINOMI_CHECK(ZSTD_isError(size) == 0);
  out.resize(size);
  return out;
}

base::Result<base::Bytes> decompress_frame(base::ByteView frame) {
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
    return fail(Errc::malformed, "frame: not zstd with a stated size");
  if (size > kMaxDecompressed) return fail(Errc::too_large, "frame: more than 16 MiB when decompressed");
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  HINOMI_CHECK(context != nullptr);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  // One byte more than stated, so that an empty content has somewhere to point.
  base::Bytes out(static_cast<std::size_t>(size) + 1, '\0');
  const std::size_t got = ZSTD_decompressDCtx(context.get(), out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(got) != 0) return fail(Errc::malformed, fmt::format("frame: {}", ZSTD_getErrorName(got)));
  if (got != size) return fail(Errc::malformed, "frame: its stated size is not its size");
  out.resize(got);
  return out;
}

base::Status check_frame(const LedgerLeaf& leaf, const SpoolRecord& record) {
  if (record.frame.size() != leaf.frame_length)
    return fail(Errc::corrupt,
                fmt::format("the frame has {} bytes, its leaf says {}", record.frame.size(), leaf.frame_length));
  if (record.frame.empty() && record.salt.empty() && leaf.frame_digest.is_zero()) return {};
  if (base::sha256({record.salt, record.frame}) != leaf.frame_digest)
    return fail(Errc::corrupt, "the frame's digest is not the one its leaf commits to");
  return {};
}

base::Result<std::vector<model::Event>> open_record(const LedgerLeaf& leaf, const SpoolRecord& record) {
  TRY_VOID(check_frame(leaf, record));
  if (record.frame.empty()) return std::vector<model::Event>{};
  const base::Bytes content = TRY(decompress_frame(record.frame));
  return model::decode_events(content, leaf.sensor, leaf.epoch);
}

}  // namespace hinomi::consent
