#include <hinomi/tlog/inside/record.hpp>

#include <hinomi/base/digest.hpp>
#include <hinomi/tlog/tlog.hpp>

namespace hinomi::tlog {

using base::ByteView;
using base::Errc;
using base::fail;
using base::Result;

void put_record(base::Bytes& out, Kind kind, std::uint64_t number, ByteView leaf, ByteView body, const Salt& salt) {
  const std::size_t start = out.size();
  out.reserve(start + kHeaderBytes + leaf.size() + body.size() + kChecksumBytes);
  base::put_u32le(out, static_cast<std::uint32_t>(kind));
  base::put_u32le(out, static_cast<std::uint32_t>(leaf.size()));
  base::put_u32le(out, static_cast<std::uint32_t>(body.size()));
  base::put_u64le(out, number);
  out += leaf;
  out += body;
  const base::Digest digest = base::sha256({base::as_bytes(salt), ByteView(out).substr(start)});
  out += digest.bytes().substr(0, kChecksumBytes);
}

Result<RecordHeader> parse_header(ByteView bytes) {
  if (bytes.size() < kHeaderBytes) return fail(Errc::malformed, "the record's header is cut short");
  const RecordHeader header{.kind = Kind{base::get_u32le(bytes)},
                            .leaf_bytes = base::get_u32le(bytes.substr(4)),
                            .body_bytes = base::get_u32le(bytes.substr(8)),
                            .number = base::get_u64le(bytes.substr(12))};
  bool fits = false;
  switch (header.kind) {
    case Kind::segment: fits = header.leaf_bytes == kSegmentLeafBytes && header.body_bytes <= kMaxEdge; break;
    case Kind::entry: fits = header.leaf_bytes <= kMaxLeaf && header.body_bytes <= kMaxPayload; break;
    case Kind::group_end: fits = header.leaf_bytes == kGroupEndLeafBytes && header.body_bytes == 0; break;
    default: return fail(Errc::malformed, "no record begins here");
  }
  if (!fits) return fail(Errc::malformed, "the record's lengths are beyond its kind's limits");
  return header;
}

Result<Record> parse_record(ByteView bytes, const Salt& salt) {
  Record record{.header = TRY(parse_header(bytes))};
  const std::size_t total = record.header.total();
  if (bytes.size() < total) return fail(Errc::malformed, "the record is cut short");
  record.leaf = bytes.substr(kHeaderBytes, record.header.leaf_bytes);
  record.body = bytes.substr(kHeaderBytes + record.header.leaf_bytes, record.header.body_bytes);
  const base::Digest digest = base::sha256({base::as_bytes(salt), bytes.substr(0, total - kChecksumBytes)});
  if (digest.bytes().substr(0, kChecksumBytes) != bytes.substr(total - kChecksumBytes, kChecksumBytes))
    return fail(Errc::malformed, "the record's checksum differs");
  return record;
}

}  // namespace hinomi::tlog
