// The ledger as the uplink and the owner read it: another process's log, nothing written, no key but the public one.
// Owns:    nothing on disk.
// Threads: belongs to one thread.
// Fails:   as tlog::LogReader; Errc::corrupt if salt and frame are not what the leaf commits to.
#pragma once

#include <hinomi/base/file.hpp>
#include <hinomi/consent/leaf.hpp>
#include <hinomi/tlog/reader.hpp>
#include <hinomi/tlog/verify.hpp>

#include <memory>
#include <optional>
#include <string>

namespace hinomi::consent {

// One leaf with what is needed to send it.
struct Stored {
  std::uint64_t index = 0;
  base::Bytes leaf;  // as it stands in the ledger
  base::Bytes salt;
  base::Bytes frame;
};

class LedgerReader {
 public:
  // not_found as long as the probe has not made a ledger.
  static base::Result<std::unique_ptr<LedgerReader>> open(base::fs::path folder, std::string origin,
                                                          const proof::VerifierKey& key);

  // Picks up what the probe committed since; the number of leaves.
  base::Result<std::uint64_t> refresh() { return log_->refresh(); }
  // The leaf with this index as it is to be sent; none if there is none yet. Salt and frame are checked against the
  // leaf, and empty if there never was a frame or the spool had to let it go: the leaf is sent all the same.
  [[nodiscard]] base::Result<std::optional<Stored>> next_at(std::uint64_t index) const;
  // The same, after a leaf that was dealt with; none: from the beginning.
  [[nodiscard]] base::Result<std::optional<Stored>> next_batch(std::optional<std::uint64_t> after) const {
    return next_at(after ? *after + 1 : 0);
  }

  [[nodiscard]] std::uint64_t size() const { return log_->size(); }
  [[nodiscard]] tlog::Signed checkpoint() const { return log_->signed_checkpoint(); }
  [[nodiscard]] base::Result<base::Bytes> leaf(std::uint64_t index) const { return log_->leaf(index); }
  [[nodiscard]] base::Result<std::vector<proof::Hash>> inclusion(std::uint64_t index, std::uint64_t size) const {
    return log_->inclusion(index, size);
  }
  [[nodiscard]] base::Result<std::vector<proof::Hash>> consistency(std::uint64_t old_size, std::uint64_t size) const {
    return log_->consistency(old_size, size);
  }
  // The leaf and its events in clear; not_found if its payload is no longer there.
  struct Opened {
    LedgerLeaf leaf;
    std::vector<model::Event> events;
  };
  [[nodiscard]] base::Result<Opened> open_entry(std::uint64_t index) const;

 private:
  explicit LedgerReader(std::unique_ptr<tlog::LogReader> log) : log_(std::move(log)) {}
  std::unique_ptr<tlog::LogReader> log_;
};

struct LedgerAudit {
  tlog::Audit log;
  std::uint64_t events = 0;
  std::uint64_t lost = 0;
  std::uint64_t withheld = 0;
  std::uint64_t epochs = 0;
};
// Recomputes the whole ledger from its files alone: the tree, the signature, the chain of leaves, sequences without
// gaps in each epoch, and every frame against its commitment, its counts and its events. Names the first leaf that is
// wrong.
base::Result<LedgerAudit> verify_ledger(const base::fs::path& folder, std::string_view origin,
                                        const proof::VerifierKey& key, const tlog::Progress& progress = {});

}  // namespace hinomi::consent
