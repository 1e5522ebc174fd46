// The open edge of a tiled tree: what is not yet in a full tile. For each level the hashes of the tile that is filling,
// and the leaves of the entry bundle that is filling. Everything left of it lies in full tiles, which never change.
//
// As bytes (a segment begins with them): for level 0, 1, … while size >> 8·level is not zero, (size >> 8·level) mod 256
// hashes; then the bundle. The counts follow from the size.
// Threads: a value. Fails: Errc::corrupt for bytes that do not hold together; what the TileSink returns.
#pragma once

#include <hinomi/proof/tile.hpp>
#include <hinomi/proof/tree.hpp>

#include <cstdint>
#include <vector>

namespace hinomi::tlog {

// Takes tiles as they fill, or as they are when asked.
class TileSink {
 public:
  virtual ~TileSink() = default;
  virtual base::Status tile(unsigned level, std::uint64_t index, unsigned width, base::ByteView hashes) = 0;
  virtual base::Status entries(std::uint64_t index, unsigned width, base::ByteView bundle) = 0;
};

class Frontier {
 public:
  Frontier() = default;
  static base::Result<Frontier> parse(std::uint64_t size, base::ByteView bytes);
  [[nodiscard]] base::Bytes bytes() const;

  // `sink` may be null: the full tiles are there already.
  base::Status append(base::ByteView leaf, const proof::Hash& hash, TileSink* sink);
  // Hands over the tiles that are filling and changed since the tree had `since` leaves.
  base::Status partial_tiles(TileSink& sink, std::uint64_t since) const;

  [[nodiscard]] std::uint64_t size() const { return tree_.size(); }
  [[nodiscard]] proof::Hash root() const { return tree_.root(); }
  [[nodiscard]] const proof::CompactTree& tree() const { return tree_; }
  // Hashes of the filling tile at this level; empty if there is none.
  [[nodiscard]] std::span<const proof::Hash> open_tile(unsigned level) const;
  // Of index in [size - size mod 256, size).
  [[nodiscard]] base::ByteView open_leaf(std::uint64_t index) const;

 private:
  proof::CompactTree tree_;
  std::vector<std::vector<proof::Hash>> levels_;
  base::Bytes bundle_;
  std::vector<std::size_t> starts_;  // where each leaf's length prefix is in bundle_
};

// The root over `1 << height` hashes of a tile, beginning at `first`.
proof::Hash subtree_root(std::span<const proof::Hash> tile, std::size_t first, unsigned height);

}  // namespace hinomi::tlog
