#include <hinomi/tlog/inside/frontier.hpp>

#include <fmt/core.h>

namespace hinomi::tlog {

using base::Bytes;
using base::ByteView;
using base::Errc;
using base::fail;
using base::Result;
using base::Status;
using proof::Hash;

namespace {

constexpr unsigned kWidth = proof::kTileWidth;

unsigned open_width(std::uint64_t size, unsigned level) {
  const unsigned shift = level * proof::kTileHeight;
  return shift < 64 ? static_cast<unsigned>((size >> shift) % kWidth) : 0;
}

Bytes joined(std::span<const Hash> hashes) {
  Bytes out;
  out.reserve(hashes.size() * 32);
  for (const Hash& hash : hashes) out += hash.bytes();
  return out;
}

// Only the complete subtrees in the open tiles, which are all that a CompactTree of this size is made of.
class Edge final : public proof::HashSource {
 public:
  explicit Edge(const std::vector<std::vector<Hash>>& levels) : levels_(levels) {}
  [[nodiscard]] Result<Hash> hash(unsigned level, std::uint64_t index) const override {
    const unsigned tile_level = level / proof::kTileHeight;
    const unsigned height = level % proof::kTileHeight;
    const std::size_t first = (index << height) % kWidth;
    if (tile_level >= levels_.size() || first + (std::size_t{1} << height) > levels_[tile_level].size())
      return fail(Errc::corrupt, "the tree's open edge lacks a subtree");
    return subtree_root(levels_[tile_level], first, height);
  }

 private:
  const std::vector<std::vector<Hash>>& levels_;
};

}  // namespace

Hash subtree_root(std::span<const Hash> tile, std::size_t first, unsigned height) {
  if (height == 0) return tile[first];
  const std::size_t half = std::size_t{1} << (height - 1);
  return proof::node_hash(subtree_root(tile, first, height - 1), subtree_root(tile, first + half, height - 1));
}

Result<Frontier> Frontier::parse(std::uint64_t size, ByteView bytes) {
  Frontier out;
  for (unsigned level = 0; level * proof::kTileHeight < 64 && size >> level * proof::kTileHeight != 0; ++level) {
    std::vector<Hash>& hashes = out.levels_.emplace_back();
    for (unsigned i = open_width(size, level); i > 0; --i) {
      if (bytes.size() < 32) return fail(Errc::corrupt, "the tree's open edge is cut short");
      hashes.push_back(TRY(Hash::from_bytes(bytes.substr(0, 32))));
      bytes.remove_prefix(32);
    }
  }
  const unsigned width = open_width(size, 0);
  const std::vector<ByteView> entries = TRY(proof::parse_entries(bytes, width));
  for (unsigned i = 0; i < width; ++i) {
    if (proof::leaf_hash(entries[i]) != out.levels_[0][i])
      return fail(Errc::corrupt, fmt::format("the tree's open edge: entry {} has another hash", size - width + i));
    out.starts_.push_back(out.bundle_.size());
    proof::put_entry(out.bundle_, entries[i]);
  }
  out.tree_ = TRY(proof::CompactTree::resume(Edge(out.levels_), size));
  return out;
}

Bytes Frontier::bytes() const {
  Bytes out;
  for (const auto& hashes : levels_) out += joined(hashes);
  return out + bundle_;
}

Status Frontier::append(ByteView leaf, const Hash& hash, TileSink* sink) {
  const std::uint64_t index = size();
  tree_.append(hash);
  starts_.push_back(bundle_.size());
  proof::put_entry(bundle_, leaf);
  if (starts_.size() == kWidth) {
    if (sink != nullptr) TRY_VOID(sink->entries(index / kWidth, kWidth, bundle_));
    bundle_.clear();
    starts_.clear();
  }
  Hash carried = hash;
  for (unsigned level = 0;; ++level) {
    if (level == levels_.size()) levels_.emplace_back();
    std::vector<Hash>& hashes = levels_[level];
    hashes.push_back(carried);
    if (hashes.size() < kWidth) return {};
    const std::uint64_t tile = index >> (level + 1) * proof::kTileHeight;
    if (sink != nullptr) TRY_VOID(sink->tile(level, tile, kWidth, joined(hashes)));
    carried = subtree_root(hashes, 0, proof::kTileHeight);
    hashes.clear();
  }
}

Status Frontier::partial_tiles(TileSink& sink, std::uint64_t since) const {
  for (unsigned level = 0; level < levels_.size(); ++level) {
    const unsigned shift = level * proof::kTileHeight;
    if (levels_[level].empty() || (since >> shift) == (size() >> shift)) continue;
    const auto width = static_cast<unsigned>(levels_[level].size());
    TRY_VOID(sink.tile(level, size() >> shift >> proof::kTileHeight, width, joined(levels_[level])));
  }
  if (!starts_.empty() && since != size())
    TRY_VOID(sink.entries(size() / kWidth, static_cast<unsigned>(starts_.size()), bundle_));
  return {};
}

std::span<const Hash> Frontier::open_tile(unsigned level) const {
  return level < levels_.size() ? std::span<const Hash>(levels_[level]) : std::span<const Hash>();
}

ByteView Frontier::open_leaf(std::uint64_t index) const {
  const std::size_t at = index % kWidth;
  const std::size_t end = at + 1 < starts_.size() ? starts_[at + 1] : bundle_.size();
  return ByteView(bundle_).substr(starts_[at] + 2, end - starts_[at] - 2);
}

}  // namespace hinomi::tlog
