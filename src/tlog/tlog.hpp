// A tile log on disk (https://c2sp.org/tlog-tiles) whose entries may each carry a payload beside the tree.
//
// The idea: only segment files are the truth. A group of entries (leaf and payload, each record with its checksum) and
// one closing record with the tree's root are written behind the others and synced once; then the checkpoint is signed.
// Tiles, entry bundles and the file `checkpoint` follow from the segments and are written without a sync; opening
// writes them again for the newest segment, and a segment is only begun after everything before it was synced. So
// opening reads one segment, however long the log. Retention removes old segment files: leaves, tiles and proofs stay.
//
//   checkpoint  tile/<level>/…  tile/entries/…   served to anyone as they are
//   segments/<first index, 16 hex>.seg           records: inside/record.hpp; .idx beside it: where each entry begins
//   lock                                          held by the writer
//
// Owns:    the files under its folder, and the lock.
// Threads: one thread appends, commits, flushes and drops; read functions may be called from any thread and see
// committed
//          entries only.
// Fails:   Errc::full (the group is gone, the log stays usable), Errc::io, Errc::corrupt with segment and entry,
//          Errc::conflict if another process writes this log. Loses: nothing that commit() returned for.
#pragma once

#include <hinomi/base/bytes.hpp>
#include <hinomi/base/file.hpp>
#include <hinomi/proof/checkpoint.hpp>
#include <hinomi/proof/tree.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hinomi::tlog {

inline constexpr std::size_t kMaxLeaf = 65'535;
inline constexpr std::size_t kMaxPayload = 16U << 20;
// One group holds at most this much; append() says too_large beyond it: commit first.
inline constexpr std::size_t kMaxGroupEntries = 1U << 20;
inline constexpr std::size_t kMaxGroupLeafBytes = 256U << 20;

struct Options {
  std::string origin;
  std::size_t segment_bytes = 64U << 20;  // a segment that has reached this gets no further group
  bool tiles_at_commit = true;            // false: full tiles at once, partial ones at flush()
  // Mode of files; folders get the search bits that go with it, and keep the set-group-id bit of the folder they lie
  // in. 0640 lets the group read a log that its writer alone may change.
  unsigned mode = 0600;
  // How written records are made durable, as fdatasync(2). Tests put failures and omissions here; nobody else.
  std::function<int(int fd)> sync;
};

struct Signed {
  proof::Checkpoint checkpoint;
  std::string note;
};

class TileLog {
 public:
  // Opens or creates. Cuts a torn tail that no signed checkpoint and no later group covers; whatever else does not hold
  // together is Errc::corrupt. The key's verifier must be the one that signed before.
  static base::Result<std::unique_ptr<TileLog>> open(base::fs::path folder, Options options,
                                                     const proof::SigningKey& key);
  ~TileLog();
  TileLog(const TileLog&) = delete;
  TileLog& operator=(const TileLog&) = delete;

  // Adds an entry to the group that the next commit() makes durable; its index, which holds if that commit succeeds.
  // leaf <= kMaxLeaf, payload <= kMaxPayload. An append that fails on the disk dooms its group: commit() fails, too.
  base::Result<std::uint64_t> append(base::ByteView leaf, base::ByteView payload);
  // One sync, then the signature. If this fails, no entry of the group is in the log; after Errc::full one may go on,
  // after a failed sync every further append is refused until the log is opened again. A commit without entries returns
  // the last checkpoint.
  base::Result<Signed> commit();
  // Drops the entries appended since the last commit.
  void rollback();
  // Writes partial tiles, and the checkpoint if an earlier attempt failed.
  base::Status flush();

  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] Signed signed_checkpoint() const;

  // not_found for an index at or beyond size(), and for a payload that retention removed.
  [[nodiscard]] base::Result<base::Bytes> leaf(std::uint64_t index) const;
  [[nodiscard]] base::Result<base::Bytes> payload(std::uint64_t index) const;
  // As proof::make_inclusion, make_consistency and root_of; size <= size().
  [[nodiscard]] base::Result<std::vector<proof::Hash>> inclusion(std::uint64_t index, std::uint64_t size) const;
  [[nodiscard]] base::Result<std::vector<proof::Hash>> consistency(std::uint64_t old_size, std::uint64_t size) const;
  [[nodiscard]] base::Result<proof::Hash> root(std::uint64_t size) const;

  // Removes the segments that lie wholly below `index` (never the newest one). Returns the first index whose payload is
  // still there.
  base::Result<std::uint64_t> drop_payloads_before(std::uint64_t index);
  [[nodiscard]] std::uint64_t first_payload() const;
  [[nodiscard]] std::uint64_t payload_bytes() const;  // bytes of all segment files

 private:
  struct State;
  explicit TileLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hinomi::tlog
