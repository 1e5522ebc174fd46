// What the console needs from the rest of the centre, declared by the one who needs it; apps/centre implements it.
// Threads: everything here is called from several threads at once and may block.
#pragma once

#include <hinomi/access/principal.hpp>
#include <hinomi/base/time.hpp>
#include <hinomi/model/indicator.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::console {

// Who somebody is (access).
class Gate {
 public:
  virtual ~Gate() = default;
  [[nodiscard]] virtual bool has_account() const = 0;  // until then, only this machine may ask
  // Uses the one-time token of a login link up, durably, and says whose it was; unauthenticated if it is none, was used or is old.
  virtual base::Result<access::Principal> redeem_login(std::string_view token) = 0;
  // The account as it is now; not_found if it is gone or closed.
  [[nodiscard]] virtual base::Result<access::Principal> account(std::string_view name) const = 0;
  // Whose API key this is; unauthenticated.
  [[nodiscard]] virtual base::Result<access::Principal> api_key(std::string_view key) const = 0;
};

struct LogSummary {
  std::string organisation;  // "centre" for the reserved log
  std::string origin;
  std::uint64_t size = 0;
};
struct LogCheckpoint {
  std::string origin;
  std::uint64_t size = 0;
  std::string note;  // the signed checkpoint
  std::string vkey;
};
// One entry with its inclusion proof in the tree of `checkpoint`.
struct LogProof {
  LogCheckpoint checkpoint;
  std::uint64_t index = 0;
  base::Bytes leaf;
  base::Digest leaf_hash;
  std::vector<base::Digest> path;
  std::string kind;  // batch, receipt, act
  base::Time received;
  std::string system;  // empty if none
  std::string sensor;  // empty if none
  base::Digest payload_digest;
  std::uint64_t payload_length = 0;
};
// The evidence logs (evidence).
class Logs {
 public:
  virtual ~Logs() = default;
  [[nodiscard]] virtual std::vector<LogSummary> list() const = 0;
  [[nodiscard]] virtual base::Result<LogCheckpoint> checkpoint(std::string_view organisation) const = 0;
  [[nodiscard]] virtual base::Result<LogProof> entry(std::string_view organisation, std::uint64_t index) const = 0;
};

struct RuleText {
  std::string id, title, title_ja, description, description_ja, level, author, source;  // empty: not given
  std::vector<std::string> tags, references, falsepositives;
};
struct RuleRow {
  std::string id, title, level, digest, file;
  std::string error;  // why it did not load; empty if it did
};
struct About {
  std::string name, version, engine;
  std::uint64_t rules_loaded = 0, rules_failed = 0;
};
struct RederiveState {
  std::string state;                                       // running, done, failed
  double progress = 0;                                     // 0 to 1
  std::string verdict;                                     // MATCH, DIFFERENT; empty while running
  std::uint64_t events = 0, findings = 0, indicators = 0;  // compared
  std::string first_difference;                            // empty if none
};
struct TokenRequest {
  model::OrganisationId organisation;
  model::SystemId system;
  std::uint32_t uses = 1;
  std::int64_t expires_seconds = 3600;
};
struct AccountRequest {
  std::string name;
  std::string role;  // analyst, csirt, subscriber
  std::optional<model::OrganisationId> organisation;
};

// What the centre does when it is told to. Each act is in the log before it takes effect; `who` is its actor, and has been
// checked to be allowed it.
class Operations {
 public:
  virtual ~Operations() = default;
  [[nodiscard]] virtual About about() const = 0;
  [[nodiscard]] virtual std::vector<RuleRow> rules() const = 0;
  // The rule of that id and digest, or of that id if the digest is no longer loaded; nothing if there is none.
  [[nodiscard]] virtual std::optional<RuleText> rule(std::string_view id, const base::Digest& digest) const = 0;
  // The indicator as it is after the act; conflict if it is held or published already.
  virtual base::Result<model::Indicator> publish(const access::Principal& who, const model::Indicator& indicator) = 0;
  virtual base::Result<std::string> rederive(const access::Principal& who) = 0;  // job
  [[nodiscard]] virtual base::Result<RederiveState> rederive_state(std::string_view job) const = 0;
  virtual base::Result<std::string> make_token(const access::Principal& who, const TokenRequest& request) = 0;
  virtual base::Status make_account(const access::Principal& who, const AccountRequest& request) = 0;
  virtual base::Result<std::string> make_login_link(const access::Principal& who, std::string_view account) = 0;  // URL
  virtual base::Result<std::string> make_api_key(const access::Principal& who, std::string_view account) = 0;
  virtual base::Status revoke(const access::Principal& who, const model::SensorId& sensor) = 0;
};

}  // namespace hinomi::console
