#include <hinomi/tlog/inside/view.hpp>

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>

namespace hinomi::tlog {

using base::Bytes;
using base::ByteView;
using base::Errc;
using base::fail;
using base::Lock;
using base::Result;
using proof::Hash;

namespace {
constexpr unsigned kWidth = proof::kTileWidth;
constexpr std::size_t kMaxCachedTiles = 128;  // 1 MiB
constexpr std::size_t kMaxBundle = (2 + proof::kMaxEntry) * kWidth;

// A derived file that is not there although the tree says so is corruption, not absence.
base::Error derived_error(base::Error error) {
  if (error.code == Errc::not_found || error.code == Errc::too_large) error.code = Errc::corrupt;
  return error;
}
}  // namespace

Result<std::vector<Hash>> read_tile(const base::fs::path& folder, unsigned level, std::uint64_t index, unsigned width) {
  const std::string name = proof::tile_path(level, index, width);
  const auto bytes = base::read_file(folder / name, std::size_t{kWidth} * 32);
  if (!bytes) return fail(derived_error(bytes.error()));
  if (bytes->size() != std::size_t{width} * 32) return fail(Errc::corrupt, fmt::format("{}: has another length", name));
  std::vector<Hash> hashes(width);
  for (unsigned i = 0; i < width; ++i)
    std::copy_n(base::as_octets(*bytes).begin() + i * 32, 32, hashes[i].octets.begin());
  return hashes;
}

// Answers for a size of the tree: full tiles from disk, the rest from a copy of the edge's hashes.
class TileSource final : public proof::HashSource {
 public:
  explicit TileSource(const View& view) : view_(view) {
    const Lock lock(view.mutex_);
    size_ = view.frontier_.size();
    for (unsigned level = 0; level * proof::kTileHeight < 64 && size_ >> level * proof::kTileHeight != 0; ++level) {
      const auto open = view.frontier_.open_tile(level);
      open_.emplace_back(open.begin(), open.end());
    }
  }
  [[nodiscard]] std::uint64_t size() const { return size_; }

  [[nodiscard]] Result<Hash> hash(unsigned level, std::uint64_t index) const override {
    const unsigned tile_level = level / proof::kTileHeight;
    const unsigned height = level % proof::kTileHeight;
    const std::uint64_t first = index << height;  // in hashes of the tile level
    const std::uint64_t tile = first / kWidth;
    if (tile_level >= open_.size()) return fail(Errc::internal, "no such subtree in this tree");
    const std::uint64_t full = size_ >> (tile_level * proof::kTileHeight) >> proof::kTileHeight;
    if (tile < full) {
      const View::Tile hashes = TRY(view_.full_tile(tile_level, tile));
      return subtree_root(*hashes, first % kWidth, height);
    }
    if (tile > full || first % kWidth + (std::uint64_t{1} << height) > open_[tile_level].size())
      return fail(Errc::internal, "no such subtree in this tree");
    return subtree_root(open_[tile_level], first % kWidth, height);
  }

 private:
  const View& view_;
  std::uint64_t size_ = 0;
  std::vector<std::vector<Hash>> open_;
};

void View::publish(Change change) {
  const Lock lock(mutex_);
  frontier_ = std::move(change.frontier);
  if (!change.begun.empty()) {
    segments_.insert(segments_.end(), change.begun.begin(), change.begun.end());
    offsets_.clear();
  }
  offsets_.insert(offsets_.end(), change.offsets.begin(), change.offsets.end());
  if (!segments_.empty()) segments_.back().bytes = change.newest_bytes;
  if (change.checkpoint) checkpoint_ = std::move(*change.checkpoint);
}

void View::adopt(View& other) {
  Frontier frontier;
  std::vector<SegmentFile> segments;
  std::vector<std::uint64_t> offsets;
  Signed checkpoint;
  {
    const Lock lock(other.mutex_);
    frontier = std::move(other.frontier_);
    segments = std::move(other.segments_);
    offsets = std::move(other.offsets_);
    checkpoint = std::move(other.checkpoint_);
  }
  const Lock lock(mutex_);
  frontier_ = std::move(frontier);
  segments_ = std::move(segments);
  offsets_ = std::move(offsets);
  checkpoint_ = std::move(checkpoint);
}

void View::set_segments(std::vector<SegmentFile> segments) {
  const Lock lock(mutex_);
  segments_ = std::move(segments);
}

void View::drop_segments_before(std::uint64_t first) {
  const Lock lock(mutex_);
  std::erase_if(segments_, [&](const SegmentFile& segment) { return segment.first < first; });
}

std::uint64_t View::size() const {
  const Lock lock(mutex_);
  return frontier_.size();
}

Signed View::signed_checkpoint() const {
  const Lock lock(mutex_);
  return checkpoint_;
}

std::vector<SegmentFile> View::segments() const {
  const Lock lock(mutex_);
  return segments_;
}

std::vector<std::uint64_t> View::newest_offsets() const {
  const Lock lock(mutex_);
  return offsets_;
}

std::uint64_t View::payload_bytes() const {
  const Lock lock(mutex_);
  std::uint64_t bytes = 0;
  for (const SegmentFile& segment : segments_) bytes += segment.bytes;
  return bytes;
}

Result<View::Tile> View::full_tile(unsigned level, std::uint64_t index) const {
  {
    const Lock lock(cache_mutex_);
    if (const auto found = tiles_.find({level, index}); found != tiles_.end()) return found->second;
  }
  auto tile = std::make_shared<const std::vector<Hash>>(TRY(read_tile(folder_, level, index, kWidth)));
  const Lock lock(cache_mutex_);
  // Lower levels come first in the map and are asked for least often again.
  if (tiles_.size() >= kMaxCachedTiles) tiles_.erase(tiles_.begin());
  tiles_[{level, index}] = tile;
  return tile;
}

Result<View::Bundle> View::full_bundle(std::uint64_t index) const {
  {
    const Lock lock(cache_mutex_);
    if (bundle_ && bundle_index_ == index) return bundle_;
  }
  auto bytes = base::read_file(folder_ / proof::entries_path(index, kWidth), kMaxBundle);
  if (!bytes) return fail(derived_error(bytes.error()));
  auto bundle = std::make_shared<const Bytes>(std::move(*bytes));
  const Lock lock(cache_mutex_);
  bundle_ = bundle;
  bundle_index_ = index;
  return bundle;
}

Result<Bytes> View::leaf(std::uint64_t index) const {
  {
    const Lock lock(mutex_);
    const std::uint64_t size = frontier_.size();
    if (index >= size) return fail(Errc::not_found, fmt::format("no entry {} in a log of {}", index, size));
    if (index / kWidth == size / kWidth) return Bytes(frontier_.open_leaf(index));
  }
  const Bundle bundle = TRY(full_bundle(index / kWidth));
  const Tile tile = TRY(full_tile(0, index / kWidth));
  const auto entries = proof::parse_entries(*bundle, kWidth);
  if (!entries)
    return fail(Errc::corrupt,
                fmt::format("{}: {}", proof::entries_path(index / kWidth, kWidth), entries.error().what));
  const ByteView leaf = (*entries)[index % kWidth];
  if (proof::leaf_hash(leaf) != (*tile)[index % kWidth])
    return fail(Errc::corrupt, fmt::format("{}: entry {} is not the one in the tree",
                                           proof::entries_path(index / kWidth, kWidth), index));
  return Bytes(leaf);
}

Result<Bytes> View::record_body(std::uint64_t segment, std::uint64_t offset, std::uint64_t index) const {
  const std::string name = segment_name(segment);
  const base::Descriptor file(::open(segment_path(folder_, segment).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return fail(base::error_from_errno(errno, fmt::format("opening {}", name)));
  const auto damaged = [&](const base::Error& error) {
    return fail(error.code == Errc::malformed ? Errc::corrupt : error.code,
                fmt::format("{}: entry {}: {}", name, index, error.what));
  };
  const auto salt_bytes = read_at(file.get(), kHeaderBytes, sizeof(Salt), name);
  if (!salt_bytes) return damaged(salt_bytes.error());
  Salt salt{};
  std::ranges::copy(base::as_octets(*salt_bytes), salt.begin());
  const auto header_bytes = read_at(file.get(), offset, kHeaderBytes, name);
  if (!header_bytes) return damaged(header_bytes.error());
  const auto header = parse_header(*header_bytes);
  if (!header) return damaged(header.error());
  const auto bytes = read_at(file.get(), offset, header->total(), name);
  if (!bytes) return damaged(bytes.error());
  const auto record = parse_record(*bytes, salt);
  if (!record) return damaged(record.error());
  if (record->header.kind != Kind::entry || record->header.number != index)
    return fail(Errc::corrupt, fmt::format("{}: entry {}: another record stands there", name, index));
  return Bytes(record->body);
}

Result<Bytes> View::payload(std::uint64_t index) const {
  std::uint64_t segment = 0;
  std::optional<std::uint64_t> offset;
  {
    const Lock lock(mutex_);
    const std::uint64_t size = frontier_.size();
    if (index >= size) return fail(Errc::not_found, fmt::format("no entry {} in a log of {}", index, size));
    const auto after = std::ranges::upper_bound(segments_, index, {}, &SegmentFile::first);
    if (after == segments_.begin())
      return fail(Errc::not_found, fmt::format("the payload of entry {} has expired", index));
    segment = std::prev(after)->first;
    if (after == segments_.end()) offset = offsets_[index - segment];
  }
  if (!offset) {
    const base::Descriptor file(::open(index_path(folder_, segment).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open())
      return fail(base::error_from_errno(errno, fmt::format("opening the index of {}", segment_name(segment))));
    const auto bytes = read_at(file.get(), (index - segment) * 8, 8, "the index of " + segment_name(segment));
    if (!bytes) return fail(Errc::corrupt, fmt::format("entry {}: {}", index, bytes.error().what));
    offset = base::get_u64le(*bytes);
  }
  return record_body(segment, *offset, index);
}

Result<std::vector<Hash>> View::inclusion(std::uint64_t index, std::uint64_t size) const {
  const TileSource source(*this);
  if (size > source.size())
    return fail(Errc::invalid_argument, fmt::format("the log has {} entries, not {}", source.size(), size));
  return proof::make_inclusion(source, index, size);
}

Result<std::vector<Hash>> View::consistency(std::uint64_t old_size, std::uint64_t size) const {
  const TileSource source(*this);
  if (size > source.size())
    return fail(Errc::invalid_argument, fmt::format("the log has {} entries, not {}", source.size(), size));
  return proof::make_consistency(source, old_size, size);
}

Result<Hash> View::root(std::uint64_t size) const {
  const TileSource source(*this);
  if (size > source.size())
    return fail(Errc::invalid_argument, fmt::format("the log has {} entries, not {}", source.size(), size));
  return proof::root_of(source, size);
}

}  // namespace hinomi::tlog
