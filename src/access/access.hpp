// Who may do what at a centre: state = f(acts). Rebuilt at start by applying the acts of all evidence logs in their order.
// Idea:    whoever wants a change checks it here (check_…), appends the act to the log, then applies it with the received
//          time of its entry; apply() is the judge: what it refuses has no effect, now and at every replay.
// Owns:    tables in memory; secrets only as SHA-256.
// Threads: all functions from any thread; values are copies. Two who change the same thing hold `changing()` from check to apply.
// Fails:   conflict (does not follow: used up, expired, known already), not_found, malformed.
#pragma once

#include <hinomi/access/act.hpp>
#include <hinomi/access/principal.hpp>
#include <hinomi/base/mutex.hpp>
#include <hinomi/base/time.hpp>

#include <map>
#include <set>
#include <vector>

namespace hinomi::access {

// An enrolment token as the centre knows it.
struct Token {
  base::Digest hash;  // SHA-256 of the secret
  model::OrganisationId organisation;
  model::SystemId system;
  base::Time expires;
  std::uint32_t uses = 1;
  std::uint32_t used = 0;
  bool operator==(const Token&) const = default;
};

// One enrolment of a sensor.
struct Sensor {
  model::SensorId id;
  model::OrganisationId organisation;
  model::SystemId system;
  model::HostId host;
  std::string host_name;
  std::string machine_id;
  base::Digest link_key;             // SHA-256 of the SubjectPublicKeyInfo (DER)
  std::set<std::string> serials;     // of its certificates: hex, lower case
  base::Time certificate_not_after;  // of the newest
  std::string ledger_vkey;           // C2SP signed-note verifier key
  base::Time enrolled;
  bool revoked = false;
  bool operator==(const Sensor&) const = default;
};

struct Account {
  std::string name;  // 1 to 64 of a-z, 0-9, '-', '_', '.'
  Role role = Role::subscriber;
  std::optional<model::OrganisationId> organisation;
  bool closed = false;
  bool operator==(const Account&) const = default;
};

struct LoginLink {
  base::Digest hash;
  std::string account;
  base::Time expires;
  bool used = false;
  bool operator==(const LoginLink&) const = default;
};

struct ApiKey {
  base::Digest hash;
  std::string account;
  base::Time made;
  bool revoked = false;
  bool operator==(const ApiKey&) const = default;
};

inline constexpr std::int64_t kLoginLinkSeconds = 600;

// Acts, one maker a kind. Kinds that Access does not know are none of its business and change nothing.
Act organisation_act(std::string actor, const model::OrganisationId& organisation);
Act token_act(std::string actor, const Token& token);
Act enrolment_act(const Sensor& sensor,
                  const base::Digest& token);  // the actor is the sensor; counts one use of the token
Act renewal_act(const model::SensorId& sensor, const std::string& serial, base::Time not_after);
Act revocation_act(std::string actor, const model::SensorId& sensor, const std::string& reason);
Act account_act(std::string actor,
                const Account& account);  // new, or with the same role and organisation: (re)opened or closed
Act login_link_act(std::string actor, const LoginLink& link);
Act login_used_act(const LoginLink& link);
Act api_key_act(std::string actor, const ApiKey& key);
Act api_key_revoked_act(std::string actor, const base::Digest& hash);

class Access final {
 public:
  // Takes effect, or is refused and changes nothing. `received`: of the act's entry in the log.
  base::Status apply(const Act& act, base::Time received);
  // What apply() would answer.
  [[nodiscard]] base::Status check(const Act& act, base::Time received) const;

  // Serialises check, append and apply among those who change something.
  [[nodiscard]] base::Mutex& changing() const { return changing_; }

  // The token with that secret's hash, if it may be used at `now`: not_found, or conflict (expired, used up).
  [[nodiscard]] base::Result<Token> usable_token(const base::Digest& hash, base::Time now) const;
  [[nodiscard]] std::optional<Sensor> sensor(const model::SensorId& id) const;
  [[nodiscard]] std::vector<Sensor> sensors() const;
  [[nodiscard]] std::vector<model::OrganisationId> organisations() const;
  [[nodiscard]] bool has_organisation(const model::OrganisationId& organisation) const;
  [[nodiscard]] std::vector<Account> accounts() const;
  [[nodiscard]] bool has_account() const;  // any that is open
  // The open account as a principal; unauthenticated if there is none.
  [[nodiscard]] base::Result<Principal> principal_of_account(std::string_view account) const;
  // unauthenticated unless such a key is known, not revoked, and its account open.
  [[nodiscard]] base::Result<Principal> principal_of_key(std::string_view key_text) const;
  [[nodiscard]] base::Result<LoginLink> usable_login_link(std::string_view link_text, base::Time now) const;

 private:
  struct State {
    std::set<model::OrganisationId> organisations;
    std::map<base::Digest, Token> tokens;
    std::map<model::SensorId, Sensor> sensors;
    std::map<std::string, Account, std::less<>> accounts;
    std::map<base::Digest, LoginLink> links;
    std::map<base::Digest, ApiKey> keys;
  };
  static base::Status step(State& state, const Act& act, base::Time received, bool change);

  mutable base::Mutex changing_;
  mutable base::Mutex mutex_;
  State state_ HINOMI_GUARDED_BY(mutex_);
};

}  // namespace hinomi::access
