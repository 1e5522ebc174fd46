#include <hinomi/tlog/inside/segment.hpp>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <tuple>

namespace hinomi::tlog {

using base::Bytes;
using base::ByteView;
using base::Errc;
using base::fail;
using base::Result;
namespace fs = base::fs;

namespace {
constexpr std::size_t kChunk = 1U << 20;

// pread until `out` holds `length` bytes or the file ends.
Result<bool> read_more(int fd, std::uint64_t offset, std::size_t length, Bytes& out, std::string_view what) {
  const std::size_t start = out.size();
  out.resize(start + length);
  std::size_t got = 0;
  while (got < length) {
    const ssize_t n = ::pread(fd, out.data() + start + got, length - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(base::error_from_errno(errno, fmt::format("reading {}", what)));
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  out.resize(start + got);
  return got == length;
}
}  // namespace

fs::path segments_folder(const fs::path& folder) { return folder / "segments"; }
fs::path segment_path(const fs::path& folder, std::uint64_t first) {
  return segments_folder(folder) / fmt::format("{:016x}.seg", first);
}
fs::path index_path(const fs::path& folder, std::uint64_t first) {
  return segments_folder(folder) / fmt::format("{:016x}.idx", first);
}
std::string segment_name(std::uint64_t first) { return fmt::format("segment {:016x}", first); }

Result<std::vector<SegmentFile>> list_segments(const fs::path& folder) {
  std::vector<SegmentFile> out;
  std::error_code error;
  fs::directory_iterator files(segments_folder(folder), error);
  for (; !error && files != fs::directory_iterator(); files.increment(error)) {
    const std::string name = files->path().filename().string();
    if (name.size() != 20 || !name.ends_with(".seg")) continue;
    SegmentFile segment;
    const auto [end, parsed] = std::from_chars(name.data(), name.data() + 16, segment.first, 16);
    if (parsed != std::errc() || end != name.data() + 16) continue;
    std::error_code gone;
    segment.bytes = fs::file_size(files->path(), gone);
    if (!gone) out.push_back(segment);
  }
  if (error)
    return fail(base::error_from_errno(error.value(), fmt::format("listing {}", segments_folder(folder).string())));
  std::ranges::sort(out, {}, &SegmentFile::first);
  return out;
}

Result<Bytes> read_at(int fd, std::uint64_t offset, std::size_t length, std::string_view what) {
  Bytes out;
  const bool whole = TRY(read_more(fd, offset, length, out, what));
  if (!whole) return fail(Errc::malformed, fmt::format("{} ends before byte {}", what, offset + length));
  return out;
}

Result<SegmentStream> SegmentStream::open(const fs::path& folder, std::uint64_t first) {
  const fs::path path = segment_path(folder, first);
  base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return fail(base::error_from_errno(errno, fmt::format("opening {}", path.string())));
  return SegmentStream(std::move(file), segment_name(first));
}

void SegmentStream::seek(std::uint64_t offset) {
  offset_ = offset;
  buffer_.clear();
  buffer_offset_ = offset;
}

Result<bool> SegmentStream::fill(std::size_t length) {
  const std::size_t used = offset_ - buffer_offset_;
  if (buffer_.size() - used >= length) return true;
  buffer_.erase(0, used);
  buffer_offset_ = offset_;
  const std::size_t wanted = std::max(length, kChunk) - buffer_.size();
  std::ignore = TRY(read_more(file_.get(), buffer_offset_ + buffer_.size(), wanted, buffer_, name_));
  return buffer_.size() >= length;
}

Result<Frontier> SegmentStream::begin(std::uint64_t first) {
  const bool has_header = TRY(fill(kHeaderBytes + kSegmentLeafBytes));
  if (!has_header) return fail(Errc::malformed, "its first record is cut short");
  const RecordHeader header = TRY(parse_header(ByteView(buffer_)));
  if (header.kind != Kind::segment || header.number != first)
    return fail(Errc::malformed, "it does not begin with its own segment record");
  const bool whole = TRY(fill(header.total()));
  if (!whole) return fail(Errc::malformed, "its first record is cut short");
  const Record record = TRY(parse_record(ByteView(buffer_), Salt{}));
  std::ranges::copy(base::as_octets(record.leaf.substr(0, salt_.size())), salt_.begin());
  Frontier frontier = TRY(Frontier::parse(first, record.body));
  if (frontier.root().bytes() != record.leaf.substr(salt_.size()))
    return fail(Errc::malformed, "its first record's tree and root differ");
  offset_ = header.total();
  return frontier;
}

Result<std::optional<Record>> SegmentStream::next() {
  const bool has_header = TRY(fill(kHeaderBytes));
  if (!has_header) {
    if (buffer_.size() == offset_ - buffer_offset_) return std::nullopt;
    return fail(Errc::malformed, "the record's header is cut short");
  }
  const RecordHeader header = TRY(parse_header(ByteView(buffer_).substr(offset_ - buffer_offset_)));
  std::ignore = TRY(fill(header.total()));  // parse_record says so if the file ends before
  const Record record = TRY(parse_record(ByteView(buffer_).substr(offset_ - buffer_offset_), salt_));
  offset_ += header.total();
  return record;
}

template <class Matches>
Result<bool> SegmentStream::any_group_end(std::uint64_t offset, Matches matches) {
  constexpr std::size_t kTotal = kHeaderBytes + kGroupEndLeafBytes + kChecksumBytes;
  Bytes magic;
  base::put_u32le(magic, static_cast<std::uint32_t>(Kind::group_end));
  Bytes window;
  while (true) {
    const bool more = TRY(read_more(file_.get(), offset + window.size(), kChunk, window, name_));
    for (std::size_t at = 0; (at = window.find(magic, at)) != Bytes::npos && at + kTotal <= window.size(); ++at)
      if (matches(ByteView(window).substr(at))) return true;
    if (!more) return false;
    const std::size_t keep = std::min(window.size(), kTotal - 1);
    offset += window.size() - keep;
    window.erase(0, window.size() - keep);
  }
}

Result<bool> SegmentStream::later_group_behind(std::uint64_t offset, std::uint64_t size) {
  return any_group_end(offset, [&](ByteView bytes) {
    const auto record = parse_record(bytes, salt_);
    return record && record->header.kind == Kind::group_end && base::get_u64le(record->leaf.substr(32)) > size;
  });
}

Result<bool> SegmentStream::holds_group_end() {
  return any_group_end(0, [](ByteView bytes) { return parse_header(bytes).has_value(); });
}

Result<Bytes> make_index(const fs::path& folder, std::uint64_t first, std::uint64_t next_first) {
  const std::string name = segment_name(first);
  SegmentStream stream = TRY(SegmentStream::open(folder, first));
  std::ignore = TRY(stream.begin(first));
  Bytes out;
  std::uint64_t index = first;
  while (true) {
    const std::uint64_t offset = stream.offset();
    const auto record = stream.next();
    if (!record) {
      if (record.error().code != Errc::malformed) return fail(record.error());
      return fail(Errc::corrupt, fmt::format("{}: entry {}: {}", name, index, record.error().what));
    }
    if (!record->has_value()) break;
    if ((*record)->header.kind != Kind::entry) continue;
    base::put_u64le(out, offset);
    ++index;
  }
  if (index != next_first)
    return fail(Errc::corrupt, fmt::format("{}: ends at entry {}, the next begins at {}", name, index, next_first));
  base::put_u64le(out, stream.offset());
  return out;
}

}  // namespace hinomi::tlog
