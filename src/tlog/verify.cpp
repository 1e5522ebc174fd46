#include <hinomi/tlog/verify.hpp>

#include <hinomi/tlog/inside/replay.hpp>
#include <hinomi/tlog/inside/view.hpp>

#include <fmt/core.h>

namespace hinomi::tlog {

using base::Bytes;
using base::ByteView;
using base::Errc;
using base::fail;
using base::Result;
using base::Status;
using proof::Hash;
namespace fs = base::fs;

namespace {

constexpr unsigned kWidth = proof::kTileWidth;

template <class T>
Result<T> as_corrupt(Result<T> result, std::string_view where) {
  if (result) return result;
  base::Error error = result.error().within(where);
  if (error.code == Errc::malformed || error.code == Errc::not_found || error.code == Errc::too_large)
    error.code = Errc::corrupt;
  return fail(std::move(error));
}

// Compares the tiles of a tree grown anew with the files. Full ones must be there; a partial one is compared if it is.
class TileComparison final : public TileSink {
 public:
  explicit TileComparison(const fs::path& folder) : folder_(folder) {}
  Status tile(unsigned level, std::uint64_t index, unsigned width, ByteView hashes) override {
    return compare(proof::tile_path(level, index, width), width, hashes);
  }
  Status entries(std::uint64_t index, unsigned width, ByteView bundle) override {
    return compare(proof::entries_path(index, width), width, bundle);
  }
  [[nodiscard]] std::uint64_t compared() const { return compared_; }

 private:
  Status compare(const std::string& name, unsigned width, ByteView expected) {
    const auto found = base::read_file(folder_ / name, expected.size());
    if (!found && found.error().code == Errc::not_found && width < kWidth) return {};
    if (!found) return fail(as_corrupt(found, name).error());
    if (*found == expected) {
      ++compared_;
      return {};
    }
    std::size_t at = 0;
    while (at < found->size() && at < expected.size() && (*found)[at] == expected[at]) ++at;
    return fail(Errc::corrupt, fmt::format("{}: differs from the tree of its entries at byte {}", name, at));
  }

  const fs::path& folder_;
  std::uint64_t compared_ = 0;
};

// Walks the segment files beside the entries, group by group.
class SegmentWalk {
 public:
  SegmentWalk(const fs::path& folder, std::vector<SegmentFile> segments)
      : folder_(folder), segments_(std::move(segments)) {}

  [[nodiscard]] std::uint64_t first() const { return segments_.front().first; }
  [[nodiscard]] std::uint64_t opened() const { return next_; }
  [[nodiscard]] bool covers(std::uint64_t index) const { return index >= first(); }

  // The record of this entry; `grown` is the tree of all entries before it.
  Result<Record> entry(std::uint64_t index, const Frontier& grown) {
    if (next_ < segments_.size() && segments_[next_].first == index) TRY_VOID(open_next(grown));
    while (true) {
      const std::optional<Record> record = TRY(next_record(index));
      if (!record) return damaged(index, "the segment ends before it");
      if (record->header.kind == Kind::group_end) {
        TRY_VOID(check_group_end(*record, grown));
        continue;
      }
      if (record->header.kind != Kind::entry || record->header.number != index)
        return damaged(index, "another record stands there");
      return *record;
    }
  }

  // Behind the checkpoint's last entry: its group's end; then, if another segment follows, the file's.
  Status end(const Frontier& grown) {
    if (next_ == 0) return {};
    if (next_ < segments_.size() && segments_[next_].first == grown.size()) return finish(grown);
    const std::optional<Record> record = TRY(next_record(grown.size()));
    if (!record || record->header.kind != Kind::group_end) return damaged(grown.size(), "the last group has no end");
    return check_group_end(*record, grown);
  }

 private:
  std::unexpected<base::Error> damaged(std::uint64_t index, std::string_view what) const {
    return fail(Errc::corrupt, fmt::format("{}: entry {}: {}", name_, index, what));
  }

  Result<std::optional<Record>> next_record(std::uint64_t index) {
    return as_corrupt(stream_->next(), fmt::format("{}: entry {} (byte {})", name_, index, stream_->offset()));
  }

  Status check_group_end(const Record& record, const Frontier& grown) {
    if (record.header.number != grown.size() || base::get_u64le(record.leaf.substr(32)) != group_begin_ ||
        record.leaf.substr(0, 32) != grown.root().bytes())
      return damaged(grown.size(), "the group's end names another tree");
    group_begin_ = grown.size();
    return {};
  }

  // What is left of a segment that another follows: one group's end, and nothing behind it.
  Status finish(const Frontier& grown) {
    while (true) {
      const std::optional<Record> record = TRY(next_record(grown.size()));
      if (!record) break;
      if (record->header.kind != Kind::group_end) return damaged(grown.size(), "another record stands behind the last");
      TRY_VOID(check_group_end(*record, grown));
    }
    if (group_begin_ != grown.size()) return damaged(grown.size(), "the last group has no end");
    return {};
  }

  Status open_next(const Frontier& grown) {
    if (next_ > 0) TRY_VOID(finish(grown));
    name_ = segment_name(segments_[next_].first);
    stream_ = TRY(as_corrupt(SegmentStream::open(folder_, segments_[next_].first), name_));
    const Frontier begun = TRY(as_corrupt(stream_->begin(segments_[next_].first), name_));
    if (begun.root() != grown.root()) return damaged(grown.size(), "it continues another tree");
    group_begin_ = grown.size();
    ++next_;
    return {};
  }

  const fs::path& folder_;
  const std::vector<SegmentFile> segments_;
  std::size_t next_ = 0;
  std::optional<SegmentStream> stream_;
  std::string name_;
  std::uint64_t group_begin_ = 0;
};

// The open edge at `size`, from the newest segment that begins at or before it: the source of leaves without a full
// bundle.
Result<Frontier> edge_at(const fs::path& folder, const std::vector<SegmentFile>& segments, std::uint64_t size) {
  for (std::size_t i = segments.size(); i-- > 0;) {
    if (segments[i].first > size) continue;
    const std::string name = segment_name(segments[i].first);
    SegmentStream stream = TRY(as_corrupt(SegmentStream::open(folder, segments[i].first), name));
    Frontier frontier = TRY(as_corrupt(stream.begin(segments[i].first), name));
    const Replay replayed = TRY(replay(stream, frontier, nullptr, size));
    if (frontier.size() == size) return frontier;
    return fail(Errc::corrupt,
                fmt::format("{}: entry {} (byte {}): {}", name, replayed.damaged_entry, replayed.damaged_offset,
                            replayed.damage.empty() ? "the segment ends before it" : replayed.damage));
  }
  return fail(Errc::corrupt, "there is no segment");
}

// The leaves of a full bundle, one bundle at a time.
class Bundles {
 public:
  explicit Bundles(const fs::path& folder) : folder_(folder) {}
  Result<ByteView> leaf(std::uint64_t index) {
    if (leaves_.empty() || index / kWidth != index_) {
      const std::string name = proof::entries_path(index / kWidth, kWidth);
      bytes_ = TRY(as_corrupt(base::read_file(folder_ / name, (2 + proof::kMaxEntry) * std::size_t{kWidth}), name));
      leaves_ = TRY(as_corrupt(proof::parse_entries(bytes_, kWidth), name));
      index_ = index / kWidth;
    }
    return leaves_[index % kWidth];
  }

 private:
  const fs::path& folder_;
  Bytes bytes_;
  std::vector<ByteView> leaves_;
  std::uint64_t index_ = 0;
};

}  // namespace

Result<Audit> verify_log(const fs::path& folder, std::string_view origin, const proof::VerifierKey& key,
                         const EntryCheck& check, const Progress& progress) {
  Audit audit;
  audit.checkpoint.note = TRY(base::read_file(folder / "checkpoint", proof::kMaxNote));
  auto opened = proof::open_checkpoint(audit.checkpoint.note, key, origin);
  if (!opened) return fail(opened.error().within("checkpoint"));
  audit.checkpoint.checkpoint = std::move(*opened);
  const std::uint64_t size = audit.checkpoint.checkpoint.size;

  const std::vector<SegmentFile> segments = TRY(list_segments(folder));
  const Frontier edge = TRY(edge_at(folder, segments, size));
  Bundles bundles(folder);
  SegmentWalk walk(folder, segments);
  TileComparison tiles(folder);
  Frontier grown;
  const std::uint64_t full = size - size % kWidth;
  for (std::uint64_t index = 0; index < size; ++index) {
    const ByteView leaf = index < full ? TRY(bundles.leaf(index)) : edge.open_leaf(index);
    std::optional<ByteView> payload;
    if (walk.covers(index)) {
      const Record record = TRY(walk.entry(index, grown));
      if (record.leaf != leaf)
        return fail(Errc::corrupt, fmt::format("entry {}: its record and {} hold different leaves", index,
                                               proof::entries_path(index / kWidth, kWidth)));
      payload = record.body;
      ++audit.payloads;
    }
    if (check) {
      if (const Status checked = check(index, leaf, payload); !checked)
        return fail(checked.error().within(fmt::format("entry {}", index)));
    }
    TRY_VOID(grown.append(leaf, proof::leaf_hash(leaf), &tiles));
    if (progress && grown.size() % kWidth == 0) progress(grown.size(), size);
  }
  TRY_VOID(walk.end(grown));
  TRY_VOID(grown.partial_tiles(tiles, 0));
  if (grown.root() != audit.checkpoint.checkpoint.root)
    return fail(Errc::corrupt, fmt::format("the tree of {} entries has another root than the signed checkpoint", size));
  if (progress) progress(size, size);
  audit.entries = size;
  audit.first_payload = size - audit.payloads;
  audit.tiles = tiles.compared();
  audit.segments = walk.opened();
  return audit;
}

}  // namespace hinomi::tlog
