// The ledger: what left this machine, and what waits to leave. Every outbound message is a leaf of a C2SP tile log
// before it can be sent; beside the leaf lies the frame as it will be sent (the spool), so that one sync covers both.
// Events come in, pass the manifest, and only then get their sequence numbers: from 1 in each epoch (random at each
// open), without gaps. What the manifest keeps back gets no number; it is counted in the next leaf (`withheld`), at
// the latest with the next heartbeat. Each leaf names the hash of the one before, across restarts. The spool is
// bounded: over the cap the oldest segments of payloads go, acknowledged or not; what was not acknowledged is counted
// by kind and becomes a loss event. Leaves and proofs stay. Acknowledged payloads stay as long as there is room: they
// are what the owner reads. When the disk is full or fails, what could not be recorded is counted and reported as soon
// as writing works again; the log is opened anew, at most once a second.
// Owns:    its folder (a tlog::TileLog, and `state`); the ledger key; the Filter. Borrows Clock and Random.
// Threads: belongs to one thread.
// Fails:   Errc::io, full, corrupt (named segment, by tlog); acknowledge with conflict.
// Loses:   nothing that record() reported as recorded, but by the cap, and then counted.
#pragma once

#include <hinomi/base/file.hpp>
#include <hinomi/consent/filter.hpp>
#include <hinomi/consent/leaf.hpp>
#include <hinomi/tlog/tlog.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hinomi::consent {

struct Identity {
  model::OrganisationId organisation;
  model::SystemId system;
  model::SensorId sensor;
  std::string origin;  // of the ledger: <centre>/ledger/<sensor>
};

// How batches are cut. The spool's cap comes from the manifest, but never over `spool_bytes`.
struct Limits {
  std::uint64_t spool_bytes = 512ULL << 20;
  std::size_t segment_bytes = 16U << 20;
  std::size_t frame_bytes = 960U << 10;  // leaves room for the proofs in a batch of 1 MiB
  std::size_t content_bytes = 4U << 20;  // before compression
  std::size_t events_per_frame = 20'000;
};

struct Recorded {
  std::uint64_t first_leaf = 0;  // index
  std::uint64_t leaves = 0;
  std::uint64_t events = 0;
  std::uint64_t withheld = 0;  // by the manifest
};

struct LedgerStatus {
  std::uint64_t epoch = 0;
  std::uint64_t last_sequence = 0;
  std::uint64_t leaves = 0;
  std::uint64_t acknowledged = 0;   // leaves below this index are acknowledged
  std::uint64_t first_payload = 0;  // leaves below this index have no payload any more
  std::uint64_t payload_bytes = 0;
  std::uint64_t spool_cap = 0;
  std::uint64_t recorded = 0;  // events, since open
  std::uint64_t withheld = 0;
  std::uint64_t lost = 0;  // not recorded or dropped from the spool
  std::string trouble;     // why writing does not work at the moment; empty if it does
};

class Ledger {
 public:
  static base::Result<std::unique_ptr<Ledger>> open(base::fs::path folder, Identity identity, proof::SigningKey key,
                                                    std::shared_ptr<const Manifest> manifest, base::Bytes hash_key,
                                                    Limits limits, const base::Clock& clock, base::Random& random);

  // Filters, numbers, encodes and commits; durable when it returns. Splits what does not fit one frame. On an error
  // nothing of it is recorded, and everything is counted as lost.
  base::Result<Recorded> record(std::vector<model::Event> events);
  // A leaf without events.
  base::Result<Recorded> heartbeat();
  // Adds to the losses that the next record() or heartbeat() reports. A count of none: uncounted.
  void report_loss(std::string_view of, std::optional<std::uint64_t> count, base::Time since, base::Time until);

  // The centre holds every leaf up to this one: `hash` is its RFC 6962 leaf hash. conflict if it is not ours.
  base::Status acknowledge(std::uint64_t leaf_index, const base::Digest& hash);
  // A later manifest, by check_successor; in force for the next record(). Its version is remembered before this
  // returns.
  base::Status change_manifest(std::shared_ptr<const Manifest> manifest);
  // Writes what is only for readers (partial tiles, acknowledged position).
  base::Status flush();

  [[nodiscard]] LedgerStatus status() const;
  [[nodiscard]] const Manifest& manifest() const { return filter_.manifest(); }
  [[nodiscard]] const Identity& identity() const { return identity_; }

 private:
  struct Loss {
    std::uint64_t count = 0;
    bool is_exact = true;
    base::Time since;
    base::Time until;
  };
  struct State {
    std::uint64_t acknowledged = 0;      // leaves below are acknowledged
    std::uint64_t accounted = 0;         // leaves below have their payload, or its loss is reported
    std::uint64_t manifest_version = 0;  // the highest ever in force
    bool operator==(const State&) const = default;
  };
  struct Piece;

  Ledger(base::fs::path folder, Identity identity, proof::SigningKey key, std::shared_ptr<const Manifest> manifest,
         base::Bytes hash_key, Limits limits, const base::Clock& clock, base::Random& random);
  base::Status open_log();
  base::Status read_state();
  base::Status write_state();
  base::Status reopen_if_broken();
  base::Status adopt_survivors(std::uint64_t committed);
  base::Result<Recorded> commit(std::vector<model::Event> events, LeafKind kind);
  base::Result<std::vector<Piece>> cut(std::vector<model::Event> events) const;
  base::Status bound_spool();
  base::Status account_dropped(std::uint64_t first_payload);
  void count_as_lost(const std::vector<model::Event>& events);
  std::vector<model::Event> loss_events() const;
  [[nodiscard]] std::uint64_t spool_cap() const;

  base::fs::path folder_;
  Identity identity_;
  proof::SigningKey key_;
  Limits limits_;
  const base::Clock& clock_;
  base::Random& random_;
  Filter filter_;
  std::unique_ptr<tlog::TileLog> log_;
  std::uint64_t epoch_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t committed_ = 0;           // leaves
  std::optional<base::Digest> previous_;  // hash of the last leaf
  std::uint64_t first_payload_ = 0;
  std::uint64_t accounted_ = 0;  // as State's, but what is in losses_ counts as told
  State state_;
  State written_;
  Counts withheld_;                                  // since the last leaf
  std::map<std::string, Loss, std::less<>> losses_;  // since the last leaf
  std::optional<base::Time> broken_since_;
  base::Time last_try_;
  LedgerStatus totals_;
};

// The ledger key of this machine: read, or made under this name and written with mode 0600. forbidden if others may read the
// file.
base::Result<proof::SigningKey> open_ledger_key(const base::fs::path& file, std::string_view name,
                                                base::Random& random);
// A secret of 32 bytes for hashed fields; likewise.
base::Result<base::Bytes> open_hash_key(const base::fs::path& file, base::Random& random);

}  // namespace hinomi::consent
