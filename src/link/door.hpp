// The centre's end of the link: enrols sensors, receives batches, renews certificates, over HTTP on the link door.
//   POST /v1/enrol     token, keys and their proofs (JSON) → certificate and pins (JSON); the one call without a client certificate
//   POST /v1/batches   a Batch → a ReceiptAnswer, after the sync; header Hinomi-Evidence-Size: the size the sensor verified last
//   GET  /v1/state     how far the centre has come with this sensor's ledger (JSON)
//   POST /v1/renew     a new request for the same link key (JSON) → certificate (JSON)
// Errors are {"error":{"code","message"}}; a conflict adds "accepted":{"leaves","tree_size"} to go on from, and "fork":true if
// the ledger contradicts itself.
// Owns:    how far each sensor has come (rebuilt from receipts by restore()). Borrows everything else.
// Threads: handle() from any thread; batches of one sensor one after the other. restore…() before the first handle().
// Fails:   by answer. Loses: nothing that was answered with a receipt.
#pragma once

#include <hinomi/access/access.hpp>
#include <hinomi/access/certificate_authority.hpp>
#include <hinomi/link/check.hpp>
#include <hinomi/net/http.hpp>

#include <atomic>
#include <memory>

namespace hinomi::link {

// Where accepted batches go: the evidence log. Declared here, implemented where the centre is put together.
class BatchSink {
 public:
  virtual ~BatchSink() = default;
  // Appends the batch, bytes as they came, and make_receipt() of where it stands, both or none; returns after the sync, with
  // the receipt's leaf, index, checkpoint and inclusion filled in. full, unavailable and io are passed on as 503.
  virtual base::Result<ReceiptAnswer> append(const Accepted& accepted, base::ByteView bytes, const Sender& sender) = 0;
  // The same for a receipt that stands there already, in the newest checkpoint.
  virtual base::Result<ReceiptAnswer> receipt(const model::OrganisationId& organisation, std::uint64_t entry) = 0;
  virtual base::Result<std::vector<proof::Hash>> consistency(const model::OrganisationId& organisation,
                                                             std::uint64_t old_size, std::uint64_t size) = 0;
  // Origin and verifier key of the organisation's evidence log.
  struct Identity {
    std::string origin;
    std::string vkey;
  };
  virtual base::Result<Identity> identity(const model::OrganisationId& organisation) = 0;
};

// Where acts go: logged before they take effect.
class ActSink {
 public:
  virtual ~ActSink() = default;
  // Returns after the sync: the received time of the act's entry.
  virtual base::Result<base::Time> append(const model::OrganisationId& organisation,
                                          const std::optional<model::SystemId>& system,
                                          const std::optional<model::SensorId>& sensor, const access::Act& act) = 0;
};

struct DoorOptions {
  std::string centre;  // its name: ledgers' origins are <centre>/ledger/<sensor>
  std::int64_t certificate_seconds = 30 * 86'400;
  std::string manifest_note;       // proposed to sensors that enrol; empty for none
  std::int64_t retry_seconds = 5;  // Retry-After when the centre cannot write
};

struct DoorCounters {
  std::atomic<std::uint64_t> batches{0};
  std::atomic<std::uint64_t> events{0};
  std::atomic<std::uint64_t> replays{0};
  std::atomic<std::uint64_t> missing_payloads{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> forks{0};
  std::atomic<std::uint64_t> enrolments{0};
  std::atomic<std::uint64_t> refused_enrolments{0};
};

class Door final {
 public:
  Door(DoorOptions options, access::Access& access, const access::CertificateAuthority& authority, BatchSink& batches,
       ActSink& acts, const base::Clock& clock, base::Random& random);
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  // At start, for every receipt and act of every log, in their order. Other kinds of acts change nothing.
  base::Status restore_receipt(const model::SensorId& sensor, base::ByteView receipt, std::uint64_t entry);
  base::Status restore_act(const access::Act& act);

  net::Response handle(const net::Request& request);
  [[nodiscard]] Progress progress(const model::SensorId& sensor) const;
  [[nodiscard]] const DoorCounters& counters() const { return counters_; }

 private:
  struct Slot;
  struct Answered;
  [[nodiscard]] std::shared_ptr<Slot> slot(const model::SensorId& sensor) const;
  [[nodiscard]] base::Result<Sender> authenticate(const net::Request& request) const;
  net::Response enrol(const net::Request& request);
  base::Result<std::string> try_enrol(const net::Request& request);
  net::Response receive(const net::Request& request);
  net::Response state(const net::Request& request);
  base::Result<std::string> try_renew(const net::Request& request);

  DoorOptions options_;
  access::Access& access_;
  const access::CertificateAuthority& authority_;
  BatchSink& batches_;
  ActSink& acts_;
  const base::Clock& clock_;
  base::Random& random_;
  DoorCounters counters_;
  mutable base::Mutex mutex_;
  mutable std::map<model::SensorId, std::shared_ptr<Slot>> slots_ HINOMI_GUARDED_BY(mutex_);
};

// The acts by which a fork is kept, and by which a person settles one that was none.
access::Act fork_act(const model::SensorId& sensor, const Progress& accepted, std::string_view shown_checkpoint,
                     std::string_view what);
access::Act fork_settled_act(std::string actor, const model::SensorId& sensor);

}  // namespace hinomi::link
