// The one record format of segment files. All numbers little-endian:
//
//   offset  0  kind          u32   'HmS1' segment, 'HmE1' entry, 'HmC1' group end
//           4  leaf length   u32
//           8  body length   u32
//          12  number        u64   segment: first index; entry: its index; group end: the size after the group
//          20  leaf                segment: salt (16), root at the first index (32); entry: the leaf;
//                                  group end: root at the size (32), size before the group (u64)
//              body                segment: the tree's open edge (inside/frontier.hpp); entry: the payload; group end:
//              none checksum      16    the first half of SHA-256(salt || all before)
//
// SHA-256 and not CRC32C: it is the one digest of the house, runs at over 1 GB/s where the CPU has SHA instructions
// (and the disk is slower where it has not), and with the segment's random salt nobody can put bytes into a payload
// that recovery takes for a record. The segment record's own salt counts as zeros. Threads: values and pure functions.
// Fails: Errc::malformed; nothing is allocated for a length that the bytes do not back.
#pragma once

#include <hinomi/base/bytes.hpp>
#include <hinomi/base/result.hpp>

#include <array>
#include <cstdint>

namespace hinomi::tlog {

enum class Kind : std::uint32_t { segment = 0x31'53'6d'48, entry = 0x31'45'6d'48, group_end = 0x31'43'6d'48 };

using Salt = std::array<std::uint8_t, 16>;

inline constexpr std::size_t kHeaderBytes = 20;
inline constexpr std::size_t kChecksumBytes = 16;
inline constexpr std::size_t kSegmentLeafBytes = 16 + 32;
inline constexpr std::size_t kGroupEndLeafBytes = 32 + 8;
inline constexpr std::size_t kMaxEdge = 32U << 20;  // 255 leaves of 64 KiB and the hashes, with room

struct RecordHeader {
  Kind kind = Kind::entry;
  std::uint32_t leaf_bytes = 0;
  std::uint32_t body_bytes = 0;
  std::uint64_t number = 0;
  [[nodiscard]] std::size_t total() const { return kHeaderBytes + leaf_bytes + body_bytes + kChecksumBytes; }
};

struct Record {
  RecordHeader header;
  base::ByteView leaf;  // views into what was parsed
  base::ByteView body;
};

void put_record(base::Bytes& out, Kind kind, std::uint64_t number, base::ByteView leaf, base::ByteView body,
                const Salt& salt);

// The header alone, its lengths within the limits of its kind. Needs kHeaderBytes.
base::Result<RecordHeader> parse_header(base::ByteView bytes);
// The record at the front of `bytes`, its checksum verified.
base::Result<Record> parse_record(base::ByteView bytes, const Salt& salt);

}  // namespace hinomi::tlog
