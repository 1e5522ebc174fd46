#include <hinomi/tlog/reader.hpp>

#include <hinomi/tlog/inside/replay.hpp>
#include <hinomi/tlog/inside/view.hpp>

#include <fmt/core.h>

namespace hinomi::tlog {

using base::Bytes;
using base::Errc;
using base::fail;
using base::Result;
using base::Status;
using proof::Hash;
namespace fs = base::fs;

struct LogReader::State {
  State(fs::path folder_path, std::string log_origin, proof::VerifierKey verifier)
      : folder(std::move(folder_path)), origin(std::move(log_origin)), key(std::move(verifier)), view(folder) {}

  const fs::path folder;
  const std::string origin;
  const proof::VerifierKey key;
  View view;
  Frontier frontier;
  std::optional<SegmentStream> stream;  // the newest segment read, at the end of what was read
  std::uint64_t segment = 0;

  Result<Signed> read_checkpoint() const;
  Status start(std::uint64_t size);
  Result<std::uint64_t> follow(const Signed& target);
  Result<std::uint64_t> leap(const Signed& last, const Signed& target);
};

Result<Signed> LogReader::State::read_checkpoint() const {
  Signed out{.note = TRY(base::read_file(folder / "checkpoint", proof::kMaxNote))};
  out.checkpoint = TRY(proof::open_checkpoint(out.note, key, origin));
  return out;
}

// Begins at the last segment that begins at or before `size` and can be read; one that is being made cannot, yet.
Status LogReader::State::start(std::uint64_t size) {
  const std::vector<SegmentFile> segments = TRY(list_segments(folder));
  base::Error why{.code = Errc::corrupt, .what = "there is no segment"};
  for (std::size_t i = segments.size(); i-- > 0;) {
    if (segments[i].first > size) continue;
    auto opened = SegmentStream::open(folder, segments[i].first);
    if (!opened) return fail(opened.error());
    auto begun = opened->begin(segments[i].first);
    if (!begun) {
      why = begun.error().within(segment_name(segments[i].first));
      if (why.code == Errc::malformed) why.code = Errc::corrupt;
      continue;
    }
    stream = std::move(*opened);
    segment = segments[i].first;
    frontier = std::move(*begun);
    view.set_segments({segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(i) + 1});
    view.publish({.frontier = frontier, .newest_bytes = stream->offset()});
    return {};
  }
  return fail(why);
}

Result<std::uint64_t> LogReader::State::follow(const Signed& target) {
  const std::uint64_t size = target.checkpoint.size;
  Frontier next = frontier;
  std::optional<SegmentStream> begun_stream;
  std::uint64_t current = segment;
  SegmentStream* reading = &*stream;
  const std::uint64_t from = reading->offset();
  reading->seek(from);  // forget what was read ahead: it may have been cut since
  View::Change change{.newest_bytes = from};
  const auto back = [&](base::Error error) {
    stream->seek(from);
    return fail(std::move(error));
  };
  while (true) {
    auto replayed = replay(*reading, next, nullptr, size);
    if (!replayed) return back(replayed.error());
    change.offsets.insert(change.offsets.end(), replayed->offsets.begin(), replayed->offsets.end());
    change.newest_bytes = replayed->end;
    reading->seek(replayed->end);
    if (next.size() >= size) break;
    // The group is not in this segment: if nothing is wrong here, the next one begins where this ends.
    const auto wrong = [&](std::string_view what) {
      return back(
          {.code = Errc::corrupt, .what = fmt::format("{}: entry {}: {}", segment_name(current), next.size(), what)});
    };
    if (!replayed->at_end) return wrong(replayed->damage);
    auto opened = SegmentStream::open(folder, next.size());
    if (!opened) return back(opened.error());
    const auto begun = opened->begin(next.size());
    if (!begun) return wrong(begun.error().what);
    if (begun->root() != next.root()) return wrong("the next segment continues another tree");
    current = next.size();
    begun_stream = std::move(*opened);
    reading = &*begun_stream;
    change.begun.push_back({.first = current});
    change.offsets.clear();
  }
  if (next.size() != size || next.root() != target.checkpoint.root)
    return back({.code = Errc::conflict,
                 .what = fmt::format("the signed checkpoint of {} entries does not follow from what was read", size)});
  frontier = next;
  segment = current;
  if (begun_stream) stream = std::move(begun_stream);
  change.frontier = std::move(next);
  change.checkpoint = target;
  view.publish(std::move(change));
  return size;
}

// For a reader so far behind that retention took a segment it had not read: begins at the newest one, and asks the tiles
// whether that tree continues the one read before.
Result<std::uint64_t> LogReader::State::leap(const Signed& last, const Signed& target) {
  State fresh(folder, origin, key);
  TRY_VOID(fresh.start(target.checkpoint.size));
  const std::uint64_t size = TRY(fresh.follow(target));
  const Hash root = TRY(fresh.view.root(last.checkpoint.size));
  if (root != last.checkpoint.root)
    return fail(Errc::conflict,
                fmt::format("the signed checkpoint of {} entries does not follow from what was read", size));
  frontier = std::move(fresh.frontier);
  stream = std::move(fresh.stream);
  segment = fresh.segment;
  view.adopt(fresh.view);
  return size;
}

Result<std::unique_ptr<LogReader>> LogReader::open(fs::path folder, std::string origin, const proof::VerifierKey& key) {
  auto state = std::make_unique<State>(std::move(folder), std::move(origin), key);
  const auto opened = [&]() -> Status {
    const Signed target = TRY(state->read_checkpoint());
    TRY_VOID(state->start(target.checkpoint.size));
    TRY_VOID(state->follow(target));
    return {};
  }();
  if (!opened) return fail(opened.error().within(state->folder.string()));
  return std::unique_ptr<LogReader>(new LogReader(std::move(state)));
}

LogReader::LogReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
LogReader::~LogReader() = default;

Result<std::uint64_t> LogReader::refresh() {
  State& s = *state_;
  const Signed last = s.view.signed_checkpoint();
  const auto target = s.read_checkpoint();
  if (!target) return fail(target.error().within(s.folder.string()));
  if (target->checkpoint.size < last.checkpoint.size)
    return fail(Errc::conflict, fmt::format("{}: the log went back from {} entries to {}", s.folder.string(),
                                            last.checkpoint.size, target->checkpoint.size));
  if (target->checkpoint.size == last.checkpoint.size) {
    if (target->checkpoint.root != last.checkpoint.root)
      return fail(Errc::conflict,
                  fmt::format("{}: another tree of {} entries", s.folder.string(), last.checkpoint.size));
    return last.checkpoint.size;
  }
  auto size = s.follow(*target);
  if (!size && size.error().code == Errc::not_found) size = s.leap(last, *target);
  if (!size) return fail(size.error().within(s.folder.string()));
  return size;
}

std::uint64_t LogReader::size() const { return state_->view.size(); }
Signed LogReader::signed_checkpoint() const { return state_->view.signed_checkpoint(); }
Result<Bytes> LogReader::leaf(std::uint64_t index) const { return state_->view.leaf(index); }
Result<Bytes> LogReader::payload(std::uint64_t index) const { return state_->view.payload(index); }
Result<std::vector<Hash>> LogReader::inclusion(std::uint64_t index, std::uint64_t size) const {
  return state_->view.inclusion(index, size);
}
Result<std::vector<Hash>> LogReader::consistency(std::uint64_t old_size, std::uint64_t size) const {
  return state_->view.consistency(old_size, size);
}
Result<Hash> LogReader::root(std::uint64_t size) const { return state_->view.root(size); }

}  // namespace hinomi::tlog
