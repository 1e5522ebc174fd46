#include <hinomi/tlog/inside/frontier.hpp>
#include <hinomi/tlog/inside/record.hpp>

#include <algorithm>
#include <cstddef>

// The first 16 bytes are a salt, the rest a segment's bytes; also an open edge, whose size the first eight bytes say. What
// parses is written back as the same bytes; where only the checksum is wrong, a right one is put so that the fuzzer gets by.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace hinomi;
  tlog::Salt salt{};
  if (size < salt.size()) return 0;
  std::copy_n(data, salt.size(), salt.begin());
  const base::ByteView bytes(reinterpret_cast<const char*>(data) + salt.size(), size - salt.size());
  if (const auto record = tlog::parse_record(bytes, salt)) {
    base::Bytes again;
    tlog::put_record(again, record->header.kind, record->header.number, record->leaf, record->body, salt);
    HINOMI_CHECK(again == bytes.substr(0, record->header.total()));
  }
  if (const auto header = tlog::parse_header(bytes); header && bytes.size() >= header->total()) {
    const base::ByteView leaf = bytes.substr(tlog::kHeaderBytes, header->leaf_bytes);
    const base::ByteView body = bytes.substr(tlog::kHeaderBytes + leaf.size(), header->body_bytes);
    base::Bytes whole;
    tlog::put_record(whole, header->kind, header->number, leaf, body, salt);
    const auto record = tlog::parse_record(whole, salt);
    HINOMI_CHECK(record && record->leaf == leaf && record->body == body && whole.size() == header->total());
  }
  const std::uint64_t leaves = base::get_u64le(base::as_bytes(salt));
  if (const auto edge = tlog::Frontier::parse(leaves, bytes))
    HINOMI_CHECK(edge->bytes() == bytes && edge->size() == leaves);
  return 0;
}
