// The committed log as its readers see it, shared by the writer and by readers in other processes: proofs, leaves and
// payloads from full tiles, full bundles and finished segments on disk (none of which ever change) and from the open
// edge in memory.
// Owns:    the open edge and the newest segment's entry offsets, a small cache of tiles.
// Threads: one thread publishes; the read functions may be called from any thread.
// Fails:   Errc::not_found, Errc::invalid_argument, Errc::corrupt, Errc::io.
#pragma once

#include <hinomi/base/mutex.hpp>
#include <hinomi/tlog/inside/frontier.hpp>
#include <hinomi/tlog/inside/segment.hpp>
#include <hinomi/tlog/tlog.hpp>

#include <map>

namespace hinomi::tlog {

class View {
 public:
  explicit View(base::fs::path folder) : folder_(std::move(folder)) {}

  // What a commit or a refresh changes, all at once.
  struct Change {
    Frontier frontier;
    std::vector<SegmentFile> begun;      // segments begun since: the newest last
    std::vector<std::uint64_t> offsets;  // of the entries added to the newest segment (all of it if one was begun)
    std::uint64_t newest_bytes = 0;      // the newest segment's committed bytes
    std::optional<Signed> checkpoint;
  };
  void publish(Change change);
  // Takes over what another view of the same log holds; readers see all of it at once.
  void adopt(View& other);
  void set_segments(std::vector<SegmentFile> segments);
  void drop_segments_before(std::uint64_t first);

  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] Signed signed_checkpoint() const;
  [[nodiscard]] std::vector<SegmentFile> segments() const;
  [[nodiscard]] std::vector<std::uint64_t> newest_offsets() const;
  [[nodiscard]] std::uint64_t payload_bytes() const;
  [[nodiscard]] base::Result<base::Bytes> leaf(std::uint64_t index) const;
  [[nodiscard]] base::Result<base::Bytes> payload(std::uint64_t index) const;
  [[nodiscard]] base::Result<std::vector<proof::Hash>> inclusion(std::uint64_t index, std::uint64_t size) const;
  [[nodiscard]] base::Result<std::vector<proof::Hash>> consistency(std::uint64_t old_size, std::uint64_t size) const;
  [[nodiscard]] base::Result<proof::Hash> root(std::uint64_t size) const;

 private:
  friend class TileSource;
  using Tile = std::shared_ptr<const std::vector<proof::Hash>>;
  using Bundle = std::shared_ptr<const base::Bytes>;
  base::Result<Tile> full_tile(unsigned level, std::uint64_t index) const;
  base::Result<Bundle> full_bundle(std::uint64_t index) const;
  base::Result<base::Bytes> record_body(std::uint64_t segment, std::uint64_t offset, std::uint64_t index) const;

  const base::fs::path folder_;
  mutable base::Mutex mutex_;
  Frontier frontier_ HINOMI_GUARDED_BY(mutex_);
  std::vector<SegmentFile> segments_ HINOMI_GUARDED_BY(mutex_);
  std::vector<std::uint64_t> offsets_ HINOMI_GUARDED_BY(mutex_);  // of the newest segment's entries
  Signed checkpoint_ HINOMI_GUARDED_BY(mutex_);
  mutable base::Mutex cache_mutex_;
  mutable std::map<std::pair<unsigned, std::uint64_t>, Tile> tiles_ HINOMI_GUARDED_BY(cache_mutex_);
  mutable Bundle bundle_ HINOMI_GUARDED_BY(cache_mutex_);  // the last one read: reading in order is the rule
  mutable std::uint64_t bundle_index_ HINOMI_GUARDED_BY(cache_mutex_) = 0;
};

// A tile as hashes; corrupt unless it has exactly `width` of them.
base::Result<std::vector<proof::Hash>> read_tile(const base::fs::path& folder, unsigned level, std::uint64_t index,
                                                 unsigned width);

}  // namespace hinomi::tlog
