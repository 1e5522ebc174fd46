#include <hinomi/tlog/tlog.hpp>

#include <hinomi/base/random.hpp>
#include <hinomi/tlog/inside/files.hpp>
#include <hinomi/tlog/inside/replay.hpp>
#include <hinomi/tlog/inside/view.hpp>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace hinomi::tlog {

using base::Bytes;
using base::ByteView;
using base::Errc;
using base::Error;
using base::fail;
using base::Result;
using base::Status;
using proof::Hash;
namespace fs = base::fs;

namespace {

constexpr std::size_t kSpillBytes = 1U << 20;  // what a group may hold in memory before it goes to the file
constexpr std::string_view kCheckpoint = "checkpoint";

Status write_at(int fd, std::uint64_t offset, ByteView content, std::string_view what) {
  while (!content.empty()) {
    const ssize_t put = ::pwrite(fd, content.data(), content.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(base::error_from_errno(errno, fmt::format("writing {}", what)));
    content.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

struct Pending {
  std::vector<Bytes> leaves;
  std::vector<Hash> hashes;
  std::vector<std::uint64_t> offsets;
  std::size_t leaf_bytes = 0;
};

}  // namespace

struct TileLog::State {
  State(fs::path folder_path, Options given, proof::SigningKey signing_key)
      : folder(std::move(folder_path)),
        options(std::move(given)),
        key(std::move(signing_key)),
        view(folder),
        tiles(folder, options.mode) {
    if (!options.sync) options.sync = [](int fd) { return ::fdatasync(fd); };
  }

  const fs::path folder;
  Options options;
  const proof::SigningKey key;
  base::Descriptor lock;
  View view;
  TileFiles tiles;

  Frontier frontier;            // as committed
  std::uint64_t segment = 0;    // the newest: its first index,
  base::Descriptor file;        // descriptor,
  Salt salt{};                  // salt
  std::uint64_t committed = 0;  // and committed bytes

  Pending pending;                // the group
  Bytes buffer;                   // its records that are not in the file yet
  std::uint64_t written = 0;      // where they go
  std::optional<Error> doomed;    // the group cannot be committed any more
  std::optional<Error> poisoned;  // nor anything else, until opened again
  std::uint64_t partials_at = 0;  // size of the tree when partial tiles were last written
  bool owes_checkpoint = false;   // the file `checkpoint` is behind

  // --- opening
  Result<std::optional<Signed>> read_checkpoint() const;
  Status recover();
  Status check_finished(const std::vector<SegmentFile>& segments) const;
  Status cut_tail(SegmentStream& stream, const Replay& replayed, std::uint64_t signed_size) const;

  // --- writing
  Status sync_file(std::string_view what);
  Status begin_segment();
  Status rotate();
  Status spill();
  Status write_group(Frontier& next);
  Status write_partials(const Frontier& of);
  Status write_checkpoint(const Signed& signed_checkpoint, base::Durability durability);
  void drop_group();
  Signed sign(const Frontier& of) const;
};

// ---------------------------------------------------------------------------------------------------------------- open

Result<std::optional<Signed>> TileLog::State::read_checkpoint() const {
  const fs::path path = folder / kCheckpoint;
  auto note = base::read_file(path, proof::kMaxNote);
  if (!note && note.error().code == Errc::not_found) return std::nullopt;
  if (!note) return fail(note.error());
  auto checkpoint = proof::open_checkpoint(*note, key.verifier(), options.origin);
  // Without a sync a power cut may leave an empty or partly written file; the segments tell the rest.
  if (!checkpoint && checkpoint.error().code == Errc::malformed) return std::nullopt;
  if (!checkpoint) return fail(checkpoint.error().within(path.string()));
  return Signed{.checkpoint = std::move(*checkpoint), .note = std::move(*note)};
}

// Finished segments are whole: their index says where they end. An index that is missing or differs is made anew, which
// reads the segment.
Status TileLog::State::check_finished(const std::vector<SegmentFile>& segments) const {
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    const std::uint64_t count = segments[i + 1].first - segments[i].first;
    const fs::path path = index_path(folder, segments[i].first);
    const base::Descriptor index(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat found{};
    if (index.is_open() && ::fstat(index.get(), &found) == 0 &&
        static_cast<std::uint64_t>(found.st_size) == (count + 1) * 8) {
      const auto end = read_at(index.get(), count * 8, 8, path.string());
      if (end && base::get_u64le(*end) == segments[i].bytes) continue;
    }
    const auto made = make_index(folder, segments[i].first, segments[i + 1].first);
    if (!made && made.error().code == Errc::malformed)
      return fail(Errc::corrupt, fmt::format("{}: {}", segment_name(segments[i].first), made.error().what));
    if (!made) return fail(made.error());
    TRY_VOID(write_derived(folder, fmt::format("segments/{:016x}.idx", segments[i].first), *made, options.mode));
  }
  return {};
}

// What stands behind the last whole group: a torn write of a group that nobody was told of is cut; else it is
// corruption.
Status TileLog::State::cut_tail(SegmentStream& stream, const Replay& replayed, std::uint64_t signed_size) const {
  const auto corrupt = [&](std::string_view why) {
    return fail(Errc::corrupt, fmt::format("{}: entry {} (byte {}): {}, and {}", segment_name(segment),
                                           replayed.damaged_entry, replayed.damaged_offset, replayed.damage, why));
  };
  if (signed_size > frontier.size()) return corrupt(fmt::format("a signed checkpoint covers {} entries", signed_size));
  const bool later = TRY(stream.later_group_behind(replayed.damaged_offset, frontier.size()));
  if (later) return corrupt("a later group stands behind it");
  if (::ftruncate(file.get(), static_cast<off_t>(replayed.end)) != 0)
    return fail(base::error_from_errno(errno, fmt::format("cutting the torn end of {}", segment_name(segment))));
  return {};
}

Status TileLog::State::recover() {
  const std::optional<Signed> last = TRY(read_checkpoint());
  const std::uint64_t signed_size = last ? last->checkpoint.size : 0;
  std::vector<SegmentFile> segments = TRY(list_segments(folder));

  // The newest segment may be one whose beginning did not reach the disk: then nothing was ever added to it.
  std::optional<SegmentStream> stream;
  while (!segments.empty()) {
    const std::uint64_t first = segments.back().first;
    stream = TRY(SegmentStream::open(folder, first));
    auto begun = stream->begin(first);
    if (begun) {
      frontier = std::move(*begun);
      break;
    }
    if (begun.error().code != Errc::malformed && begun.error().code != Errc::corrupt) return fail(begun.error());
    const bool holds_groups = TRY(stream->holds_group_end());
    if (holds_groups || signed_size > first || (segments.size() == 1 && first != 0))
      return fail(Errc::corrupt, fmt::format("{}: entry {}: {}", segment_name(first), first, begun.error().what));
    if (::unlink(segment_path(folder, first).c_str()) != 0)
      return fail(base::error_from_errno(errno, "removing the torn " + segment_name(first)));
    segments.pop_back();
  }
  if (segments.empty() && signed_size > 0)
    return fail(Errc::corrupt,
                fmt::format("a signed checkpoint covers {} entries, and there is no segment", signed_size));
  TRY_VOID(check_finished(segments));

  Replay replayed;
  if (segments.empty()) {
    TRY_VOID(begin_segment());
    segments.push_back({.first = 0});
  } else {
    segment = segments.back().first;
    salt = stream->salt();
    file = base::Descriptor(::open(segment_path(folder, segment).c_str(), O_RDWR | O_CLOEXEC));
    if (!file.is_open()) return fail(base::error_from_errno(errno, "opening " + segment_name(segment)));
    replayed = TRY(replay(*stream, frontier, &tiles));
    if (!replayed.at_end) TRY_VOID(cut_tail(*stream, replayed, signed_size));
    committed = replayed.end;
    // What was read may be in the page cache alone, if the last writer died before its sync.
    TRY_VOID(sync_file(segment_name(segment)));
    TRY_VOID(base::sync_folder(segments_folder(folder)));
  }
  written = committed;
  if (signed_size > frontier.size())
    return fail(Errc::corrupt, fmt::format("{}: ends at entry {}, and a signed checkpoint covers {} entries",
                                           segment_name(segment), frontier.size(), signed_size));

  view.set_segments(segments);
  view.publish({.frontier = frontier, .offsets = std::move(replayed.offsets), .newest_bytes = committed});
  if (last) {
    const Hash root = TRY(view.root(signed_size));
    if (root != last->checkpoint.root)
      return fail(Errc::corrupt,
                  fmt::format("the tree of {} entries has another root than the signed checkpoint", signed_size));
  }
  if (options.tiles_at_commit) TRY_VOID(write_partials(frontier));
  const bool behind = !last || signed_size < frontier.size();
  Signed checkpoint = behind ? sign(frontier) : *last;
  if (behind) TRY_VOID(write_checkpoint(checkpoint, base::Durability::synced));
  tiles.remove_partials();
  view.publish({.frontier = frontier, .newest_bytes = committed, .checkpoint = std::move(checkpoint)});
  return {};
}

Result<std::unique_ptr<TileLog>> TileLog::open(fs::path folder, Options options, const proof::SigningKey& key) {
  if (options.origin.empty() || !proof::is_valid_note_text(options.origin + "\n") ||
      options.origin.find('\n') != std::string::npos)
    return fail(Errc::invalid_argument, "a log's origin is one line of text");
  auto state = std::make_unique<State>(std::move(folder), std::move(options), key);
  TRY_VOID(make_log_folder(segments_folder(state->folder), state->options.mode));
  state->lock = TRY(base::lock_file(state->folder / "lock"));
  if (const auto recovered = state->recover(); !recovered)
    return fail(recovered.error().within(state->folder.string()));
  return std::unique_ptr<TileLog>(new TileLog(std::move(state)));
}

TileLog::TileLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
TileLog::~TileLog() { rollback(); }

// --------------------------------------------------------------------------------------------------------------- write

// A sync that failed leaves pages that count as clean and are not on disk; trying again would succeed and mean nothing.
Status TileLog::State::sync_file(std::string_view what) {
  if (options.sync(file.get()) == 0) return {};
  const Error error = base::error_from_errno(errno, fmt::format("syncing {}", what));
  poisoned = Error{.code = Errc::io, .what = "an earlier sync failed; the log must be opened again: " + error.what};
  return fail(error);
}

// Creates the segment that continues `frontier`, and makes it durable before anything is added.
Status TileLog::State::begin_segment() {
  const std::uint64_t first = frontier.size();
  const fs::path path = segment_path(folder, first);
  base::Descriptor made(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!made.is_open()) return fail(base::error_from_errno(errno, "creating " + path.string()));
  Salt new_salt{};
  std::ranges::copy(base::as_octets(base::SystemRandom().bytes(new_salt.size())), new_salt.begin());
  Bytes record;
  put_record(record, Kind::segment, first, Bytes(base::as_bytes(new_salt)) + Bytes(frontier.root().bytes()),
             frontier.bytes(), Salt{});
  const auto put = [&]() -> Status {
    if (::fchmod(made.get(), options.mode) != 0)
      return fail(base::error_from_errno(errno, "setting the mode of " + path.string()));
    return write_at(made.get(), 0, record, segment_name(first));
  };
  if (const Status done = put(); !done) {
    ::unlink(path.c_str());
    return done;
  }
  std::swap(file, made);
  segment = first;
  salt = new_salt;
  committed = written = record.size();
  TRY_VOID(sync_file(segment_name(first)));
  const Status folder_synced = base::sync_folder(segments_folder(folder));
  if (!folder_synced) poisoned = folder_synced.error();
  return folder_synced;
}

// Everything that follows from the segments so far becomes durable, and only then a new one begins: whoever finds a segment
// may rely on the tiles, bundles and index files of all before it.
Status TileLog::State::rotate() {
  Bytes index;
  for (const std::uint64_t offset : view.newest_offsets()) base::put_u64le(index, offset);
  base::put_u64le(index, committed);
  TRY_VOID(tiles.file(fmt::format("segments/{:016x}.idx", segment), index));
  if (const Status synced = tiles.sync(options.sync); !synced) {
    poisoned =
        Error{.code = Errc::io, .what = "an earlier sync failed; the log must be opened again: " + synced.error().what};
    return synced;
  }
  TRY_VOID(begin_segment());
  view.publish({.frontier = frontier, .begun = {{.first = segment, .bytes = committed}}, .newest_bytes = committed});
  return {};
}

Status TileLog::State::spill() {
  TRY_VOID(write_at(file.get(), written, buffer, segment_name(segment)));
  written += buffer.size();
  buffer.clear();
  return {};
}

void TileLog::State::drop_group() {
  pending = {};
  buffer.clear();
  doomed.reset();
  tiles.forget();
  if (!file.is_open()) return;
  // Always, not only after `written` moved: a write that failed may have reached the file in part.
  if (::ftruncate(file.get(), static_cast<off_t>(committed)) != 0 && !poisoned)
    poisoned = base::error_from_errno(errno, fmt::format("cutting a failed group off {}", segment_name(segment)));
  written = committed;
}

Result<std::uint64_t> TileLog::append(ByteView leaf, ByteView payload) {
  State& s = *state_;
  if (leaf.size() > kMaxLeaf) return fail(Errc::too_large, fmt::format("a leaf has at most {} bytes", kMaxLeaf));
  if (payload.size() > kMaxPayload)
    return fail(Errc::too_large, fmt::format("a payload has at most {} bytes", kMaxPayload));
  if (s.poisoned) return fail(*s.poisoned);
  if (s.doomed) return fail(*s.doomed);
  if (s.pending.leaves.size() == kMaxGroupEntries || s.pending.leaf_bytes + leaf.size() > kMaxGroupLeafBytes)
    return fail(Errc::too_large, "the group is full: commit it first");
  const auto doom = [&](Status status) -> Status {
    if (!status) s.doomed = status.error();
    return status;
  };
  if (s.pending.leaves.empty() && s.committed >= s.options.segment_bytes) TRY_VOID(doom(s.rotate()));
  const std::uint64_t index = s.frontier.size() + s.pending.leaves.size();
  s.pending.offsets.push_back(s.written + s.buffer.size());
  s.pending.leaves.emplace_back(leaf);
  s.pending.hashes.push_back(proof::leaf_hash(leaf));
  s.pending.leaf_bytes += leaf.size();
  put_record(s.buffer, Kind::entry, index, leaf, payload, s.salt);
  if (s.buffer.size() >= kSpillBytes) TRY_VOID(doom(s.spill()));
  return index;
}

void TileLog::rollback() {
  State& s = *state_;
  if (!s.pending.leaves.empty() || s.doomed) s.drop_group();
}

// Everything of a commit that a full disk may refuse. Tiles of a group that fails are written again when they fill
// anew; until then no checkpoint leads to them.
Status TileLog::State::write_group(Frontier& next) {
  for (std::size_t i = 0; i < pending.leaves.size(); ++i)
    TRY_VOID(next.append(pending.leaves[i], pending.hashes[i], &tiles));
  Bytes end(next.root().bytes());
  base::put_u64le(end, frontier.size());
  put_record(buffer, Kind::group_end, next.size(), end, {}, salt);
  TRY_VOID(spill());
  if (options.tiles_at_commit) TRY_VOID(write_partials(next));
  return {};
}

Result<Signed> TileLog::commit() {
  State& s = *state_;
  if (s.poisoned) {
    const Error error = *s.poisoned;
    rollback();
    return fail(error);
  }
  if (s.doomed) {
    const Error error = *s.doomed;
    s.drop_group();
    return fail(error);
  }
  if (s.pending.leaves.empty()) return s.view.signed_checkpoint();

  Frontier next = s.frontier;
  const std::uint64_t partials_before = s.partials_at;
  Status durable = s.write_group(next);
  if (durable) durable = s.sync_file(segment_name(s.segment));
  if (!durable) {
    s.partials_at = std::min(partials_before, s.frontier.size());
    s.drop_group();
    return fail(durable.error());
  }
  s.committed = s.written;
  s.frontier = std::move(next);
  Signed checkpoint = s.sign(s.frontier);
  s.view.publish({.frontier = s.frontier,
                  .offsets = std::move(s.pending.offsets),
                  .newest_bytes = s.committed,
                  .checkpoint = checkpoint});
  s.pending = {};
  // The group is in the log, whatever becomes of this file: it is written again with the next commit or flush.
  s.owes_checkpoint = !s.write_checkpoint(checkpoint, base::Durability::renamed);
  s.tiles.remove_partials();
  return checkpoint;
}

Status TileLog::State::write_partials(const Frontier& of) {
  if (partials_at > of.size()) partials_at = 0;
  TRY_VOID(of.partial_tiles(tiles, partials_at));
  partials_at = of.size();
  return {};
}

Status TileLog::State::write_checkpoint(const Signed& signed_checkpoint, base::Durability durability) {
  if (durability == base::Durability::synced)
    return base::write_file(folder / kCheckpoint, signed_checkpoint.note, durability, options.mode);
  return write_derived(folder, std::string(kCheckpoint), signed_checkpoint.note, options.mode);
}

Signed TileLog::State::sign(const Frontier& of) const {
  Signed out{.checkpoint = {.origin = options.origin, .size = of.size(), .root = of.root()}};
  out.note = proof::sign_checkpoint(out.checkpoint, key);
  return out;
}

Status TileLog::flush() {
  State& s = *state_;
  TRY_VOID(s.write_partials(s.frontier));
  if (s.owes_checkpoint) {
    TRY_VOID(s.write_checkpoint(s.view.signed_checkpoint(), base::Durability::renamed));
    s.owes_checkpoint = false;
  }
  return {};
}

Result<std::uint64_t> TileLog::drop_payloads_before(std::uint64_t index) {
  State& s = *state_;
  const std::vector<SegmentFile> segments = s.view.segments();
  std::size_t keep = 0;
  while (keep + 1 < segments.size() && segments[keep + 1].first <= index) ++keep;
  if (keep == 0) return segments.front().first;
  s.view.drop_segments_before(segments[keep].first);
  // Oldest first, so that what remains is without a gap wherever this ends.
  for (std::size_t i = 0; i < keep; ++i) {
    for (const fs::path& path : {segment_path(s.folder, segments[i].first), index_path(s.folder, segments[i].first)})
      if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        return fail(base::error_from_errno(errno, fmt::format("removing {}", path.string())));
  }
  TRY_VOID(base::sync_folder(segments_folder(s.folder)));
  return segments[keep].first;
}

// ---------------------------------------------------------------------------------------------------------------- read

std::uint64_t TileLog::size() const { return state_->view.size(); }
Signed TileLog::signed_checkpoint() const { return state_->view.signed_checkpoint(); }
Result<Bytes> TileLog::leaf(std::uint64_t index) const { return state_->view.leaf(index); }
Result<Bytes> TileLog::payload(std::uint64_t index) const { return state_->view.payload(index); }
Result<std::vector<Hash>> TileLog::inclusion(std::uint64_t index, std::uint64_t size) const {
  return state_->view.inclusion(index, size);
}
Result<std::vector<Hash>> TileLog::consistency(std::uint64_t old_size, std::uint64_t size) const {
  return state_->view.consistency(old_size, size);
}
Result<Hash> TileLog::root(std::uint64_t size) const { return state_->view.root(size); }
std::uint64_t TileLog::payload_bytes() const { return state_->view.payload_bytes(); }
std::uint64_t TileLog::first_payload() const { return state_->view.segments().front().first; }

}  // namespace hinomi::tlog
