// Segment files: their names, reading them in order, finding one record.
// Owns:    a SegmentStream its descriptor.
// Threads: a SegmentStream belongs to one thread; the functions are free.
// Fails:   Errc::io for what the disk does not give, Errc::malformed for damage: the two are never mixed up.
#pragma once

#include <hinomi/base/file.hpp>
#include <hinomi/tlog/inside/frontier.hpp>
#include <hinomi/tlog/inside/record.hpp>

#include <optional>
#include <vector>

namespace hinomi::tlog {

struct SegmentFile {
  std::uint64_t first = 0;  // index of its first entry
  std::uint64_t bytes = 0;
};

base::fs::path segments_folder(const base::fs::path& folder);
base::fs::path segment_path(const base::fs::path& folder, std::uint64_t first);
base::fs::path index_path(const base::fs::path& folder, std::uint64_t first);
std::string segment_name(std::uint64_t first);  // for messages: "segment 0000000000000000"

// All segment files, by first index. Other names are ignored.
base::Result<std::vector<SegmentFile>> list_segments(const base::fs::path& folder);

// Exactly `length` bytes at `offset`; malformed if the file ends before.
base::Result<base::Bytes> read_at(int fd, std::uint64_t offset, std::size_t length, std::string_view what);

// Reads records one after another. Never more than one record and a megabyte in memory.
class SegmentStream {
 public:
  static base::Result<SegmentStream> open(const base::fs::path& folder, std::uint64_t first);

  // The segment record: salt and the tree that this segment continues. Call first.
  base::Result<Frontier> begin(std::uint64_t first);
  // The next record, valid until the next call; nothing at the end of the file. After malformed the offset still stands
  // at the damaged record.
  base::Result<std::optional<Record>> next();
  // Skips to `offset`, which must be the beginning of a record.
  void seek(std::uint64_t offset);

  [[nodiscard]] std::uint64_t offset() const { return offset_; }  // of the record that next() will read
  [[nodiscard]] const Salt& salt() const { return salt_; }
  // Whether a valid group end stands anywhere behind `offset` that says its group began beyond `size`.
  base::Result<bool> later_group_behind(std::uint64_t offset, std::uint64_t size);
  // Whether anything in the file looks like a group end; for a segment whose first record, and so its salt, is damaged.
  base::Result<bool> holds_group_end();

 private:
  explicit SegmentStream(base::Descriptor file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}
  base::Result<bool> fill(std::size_t length);  // false: the file ends before
  // Whether `matches` says so of the bytes from any group end's magic on, at or behind `offset`.
  template <class Matches>
  base::Result<bool> any_group_end(std::uint64_t offset, Matches matches);
  base::Descriptor file_;
  std::string name_;
  Salt salt_{};
  std::uint64_t offset_ = 0;
  base::Bytes buffer_;  // bytes of the file from buffer_offset_
  std::uint64_t buffer_offset_ = 0;
};

// Offsets of all entries of a finished segment, and its end, as index files keep them (u64 little-endian each).
base::Result<base::Bytes> make_index(const base::fs::path& folder, std::uint64_t first, std::uint64_t next_first);

}  // namespace hinomi::tlog
