// The sensor's end of the link: takes what the ledger holds, sends it with its proofs, believes a receipt only with the centre's
// own proof, and only then lets the ledger forget.
// Idea:    one batch at a time, in the ledger's order. After anything unclear it asks the centre how far it has come, so that a
//          lost answer, a restart or a centre that was away all end the same way.
// Owns:    its client. Borrows source, folder, clock, randomness.
// Threads: one at a time; status() from any thread.
// Fails:   never for good: step() says how long to wait; status() says why.
#pragma once

#include <hinomi/base/mutex.hpp>
#include <hinomi/link/enrolment.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace hinomi::link {

struct StoredBatch {
  base::Bytes leaf;  // as it stands in the ledger
  base::Bytes salt;  // empty, as the frame, if the spool had to drop it: the leaf is sent alone
  base::Bytes frame;
};

// The ledger as the uplink sees it; declared here, implemented over consent::LedgerReader where the sensor is put together.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual base::Result<std::uint64_t> refresh() = 0;  // picks up the newest checkpoint: the number of leaves
  virtual base::Result<StoredBatch> read(std::uint64_t index) = 0;
  virtual std::string checkpoint() = 0;  // the signed note of what refresh() found
  virtual base::Result<std::vector<proof::Hash>> inclusion(std::uint64_t index, std::uint64_t size) = 0;
  virtual base::Result<std::vector<proof::Hash>> consistency(std::uint64_t old_size, std::uint64_t size) = 0;
  // Leaves below this index have a verified receipt.
  virtual std::uint64_t acknowledged() = 0;
  // The centre holds every leaf up to this one; the answer was verified. Returns once that is kept.
  virtual base::Status acknowledge(std::uint64_t index, const ReceiptAnswer& answer, const Receipt& receipt) = 0;
};

struct UplinkOptions {
  std::chrono::milliseconds idle{1'000};                     // how often an empty ledger is looked at
  std::chrono::milliseconds first_wait{1'000};               // full jitter: 0 to first_wait · 2^n …
  std::chrono::milliseconds longest_wait{60'000};            // … but not over this
  std::chrono::milliseconds longest_retry_after{3'600'000};  // what the centre may ask for
  // Connects with this certificate and key.
  std::function<base::Result<std::unique_ptr<net::Client>>(const LinkFolder::Content&)> connect;
};
// The usual `connect`.
std::function<base::Result<std::unique_ptr<net::Client>>(const LinkFolder::Content&)> connect_over(
    std::optional<net::Proxy> proxy);

enum class UplinkState : std::uint8_t {
  starting,
  sending,  // the last exchange went well and there is more
  idle,     // everything is acknowledged
  waiting,  // the centre is away or asks to wait; will try again
  refused,  // the centre refuses what we send, or answers what cannot be believed; a person must look; will try again
};
std::string_view name_of(UplinkState state);

struct UplinkStatus {
  UplinkState state = UplinkState::starting;
  std::string trouble;             // empty if there is none
  std::uint64_t leaves = 0;        // in the ledger
  std::uint64_t acknowledged = 0;  // with a verified receipt
  std::uint64_t sent = 0;          // batches since start
  std::uint64_t sent_bytes = 0;
  std::uint64_t failures = 0;  // since start
  std::optional<base::Time> last_receipt;
  std::uint64_t evidence_size = 0;  // of the centre's log, last verified
  base::Time certificate_not_after;
  std::string key_exchange;  // negotiated group, as TLS names it
};
std::string to_json(const UplinkStatus& status);

class Uplink final {
 public:
  static base::Result<std::unique_ptr<Uplink>> create(UplinkOptions options, LinkFolder folder, BatchSource& source,
                                                      const base::Clock& clock, base::Random& random);

  // One exchange at most. Returns how long to wait before the next step.
  std::chrono::milliseconds step();
  [[nodiscard]] UplinkStatus status() const;

 private:
  struct Trouble {
    base::Error error;
    bool refused = false;
    std::chrono::milliseconds at_least{0};  // Retry-After
  };
  Uplink(UplinkOptions options, LinkFolder folder, LinkFolder::Content content, Validity validity, BatchSource& source,
         const base::Clock& clock, base::Random& random);
  std::expected<bool, Trouble> exchange();  // true: there may be more at once
  std::expected<void, Trouble> synchronise(std::uint64_t leaves);
  std::expected<net::Response, Trouble> ask(const net::Request& request);
  void renew_if_due();
  base::Status renew();
  std::chrono::milliseconds wait_after(const Trouble& trouble);

  UplinkOptions options_;
  LinkFolder folder_;
  LinkFolder::Content content_;
  Sender sender_;
  Validity validity_;
  BatchSource& source_;
  const base::Clock& clock_;
  base::Random& random_;
  std::unique_ptr<net::Client> client_;
  bool synchronised_ = false;
  std::uint64_t next_ = 0;             // leaf to send
  std::uint64_t accepted_leaves_ = 0;  // at the centre
  std::uint64_t accepted_size_ = 0;    // tree size that the centre accepted last
  unsigned failures_in_a_row_ = 0;
  base::Time next_renewal_;
  std::string renewal_trouble_;
  mutable base::Mutex mutex_;
  UplinkStatus status_ HINOMI_GUARDED_BY(mutex_);
};

}  // namespace hinomi::link
