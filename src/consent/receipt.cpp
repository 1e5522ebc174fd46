#include <hinomi/consent/receipt.hpp>
#include <hinomi/proof/tree.hpp>

#include <fmt/core.h>
#include <protozero/pbf_reader.hpp>

#include <algorithm>
#include <charconv>

namespace hinomi::consent {
namespace {

using base::Errc;
using base::fail;
using base::Result;

constexpr std::string_view kMark = "hinomi-receipt v1\n";
constexpr std::uint32_t kReceiptEntry = 2;  // EvidenceLeaf.kind

enum EvidenceTag : std::uint8_t { kKind = 2, kSensor = 6, kInline = 9 };
enum ReceiptTag : std::uint8_t { kVersion = 1, kLeafHash = 2, kLeafIndex = 3, kBatchEntry = 5, kReceived = 7 };

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

base::ByteView view_of(protozero::pbf_reader& in) {
  const auto view = in.get_view();
  return {view.data(), view.size()};
}

Result<Receipt> read_receipt(base::ByteView leaf, const model::SensorId& sensor) {
  std::uint32_t kind = 0;
  base::ByteView whose;
  base::ByteView inner;
  protozero::pbf_reader in(leaf.data(), leaf.size());
  while (in.next()) {
    switch (in.tag_and_type()) {
      case varint(kKind): kind = in.get_uint32(); break;
      case bytes_of(kSensor): whose = view_of(in); break;
      case bytes_of(kInline): inner = view_of(in); break;
      default: in.skip();
    }
  }
  if (kind != kReceiptEntry) return fail(Errc::forbidden, "receipt: the entry is of another kind");
  if (whose != sensor.uuid.bytes()) return fail(Errc::forbidden, "receipt: it is for another sensor");
  Receipt out;
  std::uint32_t version = 0;
  bool has_hash = false;
  protozero::pbf_reader receipt(inner.data(), inner.size());
  while (receipt.next()) {
    switch (receipt.tag_and_type()) {
      case varint(kVersion): version = receipt.get_uint32(); break;
      case bytes_of(kLeafHash):
        out.leaf_hash = TRY(base::Digest::from_bytes(view_of(receipt)));
        has_hash = true;
        break;
      case varint(kLeafIndex): out.leaf_index = receipt.get_uint64(); break;
      case varint(kBatchEntry): out.batch_entry = receipt.get_uint64(); break;
      case fixed64(kReceived): out.received.nanoseconds = receipt.get_sfixed64(); break;
      default: receipt.skip();
    }
  }
  if (version != 1 || !has_hash) return fail(Errc::malformed, "receipt: version 1 with a leaf hash was expected");
  return out;
}

}  // namespace

std::string to_text(const SealedReceipt& receipt) {
  std::string out = receipt.checkpoint + std::string(kMark);
  out += fmt::format("{}\n{}\n", receipt.entry, base::to_base64(receipt.leaf));
  for (const proof::Hash& hash : receipt.inclusion) out += base::to_base64(hash.bytes()) + "\n";
  return out;
}

Result<Receipt> open_receipt(std::string_view text, const proof::VerifierKey& evidence_key,
                             std::string_view evidence_origin, const model::SensorId& sensor) {
  if (text.size() > kMaxReceipt) return fail(Errc::too_large, "receipt: more than 64 KiB");
  const std::size_t mark = text.find(kMark);
  if (mark == std::string_view::npos) return fail(Errc::malformed, "receipt: no checkpoint before its mark");
  const proof::Checkpoint checkpoint = TRY(proof::open_checkpoint(text.substr(0, mark), evidence_key, evidence_origin));

  std::string_view rest = text.substr(mark + kMark.size());
  const auto next_line = [&]() -> Result<std::string_view> {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return fail(Errc::malformed, "receipt: a line is missing");
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return line;
  };
  const std::string_view number = TRY(next_line());
  std::uint64_t entry = 0;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), entry);
  if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size())
    return fail(Errc::malformed, "receipt: the entry's index is not a number");
  const std::string_view leaf_text = TRY(next_line());
  const base::Bytes leaf = TRY(base::from_base64(leaf_text));
  std::vector<proof::Hash> path;
  while (!rest.empty()) {
    if (path.size() >= proof::kMaxPath) return fail(Errc::too_large, "receipt: the proof is too long");
    const std::string_view hash_text = TRY(next_line());
    const base::Bytes hash = TRY(base::from_base64(hash_text));
    path.push_back(TRY(base::Digest::from_bytes(hash)));
  }
  TRY_VOID(proof::verify_inclusion(proof::leaf_hash(leaf), entry, checkpoint.size, path, checkpoint.root));
  try {
    return read_receipt(leaf, sensor);
  } catch (const std::exception& error) {
    return fail(Errc::malformed, fmt::format("receipt: {}", error.what()));
  }
}

}  // namespace hinomi::consent
