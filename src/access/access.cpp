#include <hinomi/access/access.hpp>

#include <hinomi/access/secret.hpp>
#include <hinomi/base/escape.hpp>

#include <fmt/format.h>
#include <boost/json.hpp>

#include <array>
#include <limits>

namespace hinomi::access {
namespace {

namespace json = boost::json;
using base::Errc;
using base::fail;

Act make(std::string kind, std::string actor, const json::object& content) {
  return {std::move(kind), std::move(actor), json::serialize(content)};
}

json::value organisation_or_null(const std::optional<model::OrganisationId>& organisation) {
  if (!organisation) return nullptr;
  return json::value(organisation->text());
}

// Reads the fields of an act's content; the first that is not as it must be makes the error.
class Fields {
 public:
  static base::Result<Fields> parse(const Act& act) {
    if (act.json.size() > (64U << 10)) return fail(Errc::too_large, "act: content over 64 KiB");
    json::parse_options options;
    options.max_depth = 8;
    json::error_code error;
    json::value value = json::parse(act.json, error, json::storage_ptr(), options);
    if (error || !value.is_object())
      return fail(Errc::malformed, fmt::format("act '{}': its content is no JSON object", act.kind));
    Fields out;
    out.kind_ = act.kind;
    out.object_ = std::move(value.get_object());
    return out;
  }
  base::Result<std::string> text(std::string_view name, std::size_t limit = 1024) const {
    const json::value* value = object_.if_contains(name);
    if (!value || !value->is_string() || value->get_string().size() > limit) return bad(name, "a text");
    return std::string(value->get_string());
  }
  base::Result<base::Digest> digest(std::string_view name) const {
    auto parsed = base::Digest::parse_hex(TRY(text(name)));
    if (!parsed) return bad(name, "64 hex digits");
    return *parsed;
  }
  base::Result<base::Time> time(std::string_view name) const {
    auto parsed = base::Time::parse_rfc3339(TRY(text(name)));
    if (!parsed) return bad(name, "a time as RFC 3339 writes it");
    return *parsed;
  }
  base::Result<model::OrganisationId> organisation(std::string_view name = "organisation") const {
    return model::OrganisationId::parse(TRY(text(name)));
  }
  base::Result<std::optional<model::OrganisationId>> maybe_organisation() const {
    const json::value* value = object_.if_contains("organisation");
    if (!value || value->is_null()) return std::optional<model::OrganisationId>();
    return std::optional<model::OrganisationId>(TRY(organisation()));
  }
  // A text that one of the model's parsers reads.
  template <class Parse>
  auto parsed(std::string_view name, const Parse& parse) const -> decltype(parse(std::string_view())) {
    const std::string value = TRY(text(name));
    return parse(value);
  }
  base::Result<std::uint32_t> number(std::string_view name) const {
    const json::value* value = object_.if_contains(name);
    if (!value || !value->is_number()) return bad(name, "a number");
    json::error_code error;
    const auto number = value->to_number<std::uint32_t>(error);
    if (error) return bad(name, "a number from 0 to 4294967295");
    return number;
  }
  base::Result<bool> boolean(std::string_view name) const {
    const json::value* value = object_.if_contains(name);
    if (!value || !value->is_bool()) return bad(name, "true or false");
    return value->get_bool();
  }

 private:
  std::unexpected<base::Error> bad(std::string_view name, std::string_view what) const {
    return fail(Errc::malformed, fmt::format("act '{}': {} must be {}", kind_, name, what));
  }
  std::string kind_;
  json::object object_;
};

base::Status check_account_name(std::string_view name) {
  bool good = !name.empty() && name.size() <= 64;
  for (const char c : name)
    good = good && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.');
  if (!good) return fail(Errc::malformed, "an account's name must be 1 to 64 of a-z, 0-9, '-', '_' and '.'");
  return {};
}

base::Status check_serial(std::string_view serial) {
  bool good = !serial.empty() && serial.size() <= 40;
  for (const char c : serial) good = good && ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
  if (!good) return fail(Errc::malformed, "a certificate's serial must be 1 to 40 hex digits in lower case");
  return {};
}

base::Status check_usable(const Token& token, base::Time now) {
  if (now >= token.expires)
    return fail(Errc::conflict, fmt::format("the enrolment token expired at {}", token.expires.rfc3339(0)));
  if (token.used >= token.uses) return fail(Errc::conflict, "the enrolment token is used up");
  return {};
}

}  // namespace

std::string_view name_of(Role role) {
  switch (role) {
    case Role::analyst: return "analyst";
    case Role::csirt: return "csirt";
    case Role::subscriber: return "subscriber";
    case Role::centre_operator: return "operator";
  }
  return "subscriber";
}

base::Result<Role> role_named(std::string_view name) {
  for (const Role role : {Role::analyst, Role::csirt, Role::subscriber, Role::centre_operator})
    if (name_of(role) == name) return role;
  return fail(Errc::malformed, "a role is analyst, csirt, subscriber or operator");
}

Act organisation_act(std::string actor, const model::OrganisationId& organisation) {
  return make("organisation", std::move(actor), {{"organisation", organisation.text()}});
}

Act token_act(std::string actor, const Token& token) {
  return make("token", std::move(actor),
              {{"hash", token.hash.hex()},
               {"organisation", token.organisation.text()},
               {"system", token.system.text()},
               {"expires", token.expires.rfc3339()},
               {"uses", token.uses}});
}

Act enrolment_act(const Sensor& sensor, const base::Digest& token) {
  return make("enrolment", sensor.id.text(),
              {{"token", token.hex()},
               {"organisation", sensor.organisation.text()},
               {"system", sensor.system.text()},
               {"sensor", sensor.id.text()},
               {"host", sensor.host.text()},
               {"host_name", sensor.host_name},
               {"machine_id", sensor.machine_id},
               {"link_key", sensor.link_key.hex()},
               {"serial", sensor.serials.empty() ? "" : *sensor.serials.begin()},
               {"not_after", sensor.certificate_not_after.rfc3339()},
               {"ledger_vkey", sensor.ledger_vkey}});
}

Act renewal_act(const model::SensorId& sensor, const std::string& serial, base::Time not_after) {
  return make("renewal", sensor.text(),
              {{"sensor", sensor.text()}, {"serial", serial}, {"not_after", not_after.rfc3339()}});
}

Act revocation_act(std::string actor, const model::SensorId& sensor, const std::string& reason) {
  return make("revocation", std::move(actor), {{"sensor", sensor.text()}, {"reason", reason}});
}

Act account_act(std::string actor, const Account& account) {
  return make("account", std::move(actor),
              {{"account", account.name},
               {"role", std::string(name_of(account.role))},
               {"organisation", organisation_or_null(account.organisation)},
               {"closed", account.closed}});
}

Act login_link_act(std::string actor, const LoginLink& link) {
  return make("login_link", std::move(actor),
              {{"hash", link.hash.hex()}, {"account", link.account}, {"expires", link.expires.rfc3339()}});
}

Act login_used_act(const LoginLink& link) { return make("login_used", link.account, {{"hash", link.hash.hex()}}); }

Act api_key_act(std::string actor, const ApiKey& key) {
  return make("api_key", std::move(actor), {{"hash", key.hash.hex()}, {"account", key.account}});
}

Act api_key_revoked_act(std::string actor, const base::Digest& hash) {
  return make("api_key_revoked", std::move(actor), {{"hash", hash.hex()}});
}

base::Status Access::step(State& state, const Act& act, base::Time received, bool change) {
  static constexpr std::array<std::string_view, 10> kKinds = {
      "organisation", "token",   "enrolment",  "renewal",    "revocation",
      "account",      "api_key", "login_link", "login_used", "api_key_revoked"};
  if (std::ranges::find(kKinds, act.kind) == kKinds.end()) return {};
  const Fields fields = TRY(Fields::parse(act));

  if (act.kind == "organisation") {
    const auto organisation = TRY(fields.organisation());
    if (state.organisations.contains(organisation))
      return fail(Errc::already_exists, fmt::format("organisation '{}' exists", organisation.text()));
    if (change) state.organisations.insert(organisation);
    return {};
  }
  if (act.kind == "token") {
    Token token;
    token.hash = TRY(fields.digest("hash"));
    token.organisation = TRY(fields.organisation());
    token.system = TRY(fields.parsed("system", model::SystemId::parse));
    token.expires = TRY(fields.time("expires"));
    token.uses = TRY(fields.number("uses"));
    if (state.tokens.contains(token.hash)) return fail(Errc::already_exists, "this enrolment token exists");
    if (token.uses == 0 || token.uses > 1'000'000)
      return fail(Errc::malformed, "a token's uses must be 1 to 1,000,000");
    if (token.expires <= received) return fail(Errc::conflict, "a token must expire in the future");
    if (change) {
      state.organisations.insert(token.organisation);
      state.tokens.emplace(token.hash, token);
    }
    return {};
  }
  if (act.kind == "enrolment") {
    Sensor sensor;
    const base::Digest hash = TRY(fields.digest("token"));
    sensor.id = TRY(fields.parsed("sensor", model::SensorId::parse));
    sensor.organisation = TRY(fields.organisation());
    sensor.system = TRY(fields.parsed("system", model::SystemId::parse));
    sensor.host = TRY(fields.parsed("host", model::HostId::parse));
    sensor.host_name = TRY(fields.text("host_name", 255));
    sensor.machine_id = TRY(fields.text("machine_id", 128));
    sensor.link_key = TRY(fields.digest("link_key"));
    const std::string serial = TRY(fields.text("serial"));
    TRY_VOID(check_serial(serial));
    sensor.serials.insert(serial);
    sensor.certificate_not_after = TRY(fields.time("not_after"));
    sensor.ledger_vkey = TRY(fields.text("ledger_vkey"));
    sensor.enrolled = received;
    const auto token = state.tokens.find(hash);
    if (token == state.tokens.end()) return fail(Errc::not_found, "enrolment: no such token");
    TRY_VOID(check_usable(token->second, received));
    if (token->second.organisation != sensor.organisation || token->second.system != sensor.system)
      return fail(Errc::conflict, "enrolment: organisation and system are not the token's");
    if (state.sensors.contains(sensor.id)) return fail(Errc::already_exists, "enrolment: the sensor exists");
    if (change) {
      ++token->second.used;
      state.sensors.emplace(sensor.id, std::move(sensor));
    }
    return {};
  }
  if (act.kind == "renewal" || act.kind == "revocation") {
    const auto id = TRY(fields.parsed("sensor", model::SensorId::parse));
    const auto found = state.sensors.find(id);
    if (found == state.sensors.end()) return fail(Errc::not_found, fmt::format("no sensor {}", id.text()));
    if (found->second.revoked) return fail(Errc::conflict, fmt::format("sensor {} is revoked", id.text()));
    if (act.kind == "revocation") {
      if (change) found->second.revoked = true;
      return {};
    }
    const std::string serial = TRY(fields.text("serial"));
    TRY_VOID(check_serial(serial));
    const base::Time not_after = TRY(fields.time("not_after"));
    if (found->second.serials.contains(serial))
      return fail(Errc::already_exists, "renewal: a certificate with that serial exists");
    if (change) {
      found->second.serials.insert(serial);
      found->second.certificate_not_after = not_after;
    }
    return {};
  }
  if (act.kind == "account") {
    Account account;
    account.name = TRY(fields.text("account"));
    TRY_VOID(check_account_name(account.name));
    account.role = TRY(fields.parsed("role", role_named));
    account.organisation = TRY(fields.maybe_organisation());
    account.closed = TRY(fields.boolean("closed"));
    if (account.role == Role::centre_operator)
      return fail(Errc::malformed, "an account cannot be an operator: that is who asks over the unix socket");
    if (account.role == Role::csirt && !account.organisation)
      return fail(Errc::malformed, "a csirt account needs its organisation");
    if (account.role == Role::analyst && account.organisation)
      return fail(Errc::malformed, "an analyst belongs to the centre, not to an organisation");
    const auto found = state.accounts.find(account.name);
    if (found != state.accounts.end()) {
      // A name that once stood for somebody never comes to stand for somebody else.
      if (found->second.role != account.role || found->second.organisation != account.organisation)
        return fail(Errc::conflict, fmt::format("account '{}' exists with another role or organisation", account.name));
      if (found->second.closed == account.closed)
        return fail(Errc::already_exists, fmt::format("account '{}' exists", account.name));
    }
    if (change) {
      if (account.organisation) state.organisations.insert(*account.organisation);
      state.accounts.insert_or_assign(account.name, std::move(account));
    }
    return {};
  }
  if (act.kind == "login_link" || act.kind == "api_key") {
    const base::Digest hash = TRY(fields.digest("hash"));
    const std::string account = TRY(fields.text("account"));
    const auto found = state.accounts.find(account);
    if (found == state.accounts.end() || found->second.closed)
      return fail(Errc::not_found, fmt::format("no account '{}'", account));
    if (act.kind == "api_key") {
      if (state.keys.contains(hash)) return fail(Errc::already_exists, "this API key exists");
      if (change) state.keys.emplace(hash, ApiKey{hash, account, received, false});
      return {};
    }
    const base::Time expires = TRY(fields.time("expires"));
    if (expires > received.plus_seconds(kLoginLinkSeconds))
      return fail(Errc::malformed, "a login link is good for ten minutes");
    if (state.links.contains(hash)) return fail(Errc::already_exists, "this login link exists");
    if (change) state.links.emplace(hash, LoginLink{hash, account, expires, false});
    return {};
  }
  if (act.kind == "login_used") {
    const auto found = state.links.find(TRY(fields.digest("hash")));
    if (found == state.links.end()) return fail(Errc::not_found, "no such login link");
    if (found->second.used) return fail(Errc::conflict, "the login link was used");
    if (received >= found->second.expires) return fail(Errc::conflict, "the login link expired");
    if (change) found->second.used = true;
    return {};
  }
  const auto found = state.keys.find(TRY(fields.digest("hash")));  // api_key_revoked
  if (found == state.keys.end()) return fail(Errc::not_found, "no such API key");
  if (found->second.revoked) return fail(Errc::conflict, "the API key is revoked");
  if (change) found->second.revoked = true;
  return {};
}

base::Status Access::apply(const Act& act, base::Time received) {
  const base::Lock lock(mutex_);
  return step(state_, act, received, true);
}

base::Status Access::check(const Act& act, base::Time received) const {
  const base::Lock lock(mutex_);
  return step(const_cast<State&>(state_), act, received, false);
}

base::Result<Token> Access::usable_token(const base::Digest& hash, base::Time now) const {
  const base::Lock lock(mutex_);
  const auto found = state_.tokens.find(hash);
  if (found == state_.tokens.end()) return fail(Errc::not_found, "the enrolment token is not known");
  TRY_VOID(check_usable(found->second, now));
  return found->second;
}

std::optional<Sensor> Access::sensor(const model::SensorId& id) const {
  const base::Lock lock(mutex_);
  const auto found = state_.sensors.find(id);
  if (found == state_.sensors.end()) return std::nullopt;
  return found->second;
}

std::vector<Sensor> Access::sensors() const {
  const base::Lock lock(mutex_);
  std::vector<Sensor> out;
  out.reserve(state_.sensors.size());
  for (const auto& [id, sensor] : state_.sensors) out.push_back(sensor);
  return out;
}

std::vector<model::OrganisationId> Access::organisations() const {
  const base::Lock lock(mutex_);
  return {state_.organisations.begin(), state_.organisations.end()};
}

bool Access::has_organisation(const model::OrganisationId& organisation) const {
  const base::Lock lock(mutex_);
  return state_.organisations.contains(organisation);
}

std::vector<Account> Access::accounts() const {
  const base::Lock lock(mutex_);
  std::vector<Account> out;
  out.reserve(state_.accounts.size());
  for (const auto& [name, account] : state_.accounts) out.push_back(account);
  return out;
}

bool Access::has_account() const {
  const base::Lock lock(mutex_);
  for (const auto& [name, account] : state_.accounts)
    if (!account.closed) return true;
  return false;
}

base::Result<Principal> Access::principal_of_account(std::string_view account) const {
  const base::Lock lock(mutex_);
  const auto found = state_.accounts.find(account);
  if (found == state_.accounts.end() || found->second.closed) return fail(Errc::unauthenticated, "no such account");
  return Principal{found->second.name, found->second.role, found->second.organisation};
}

base::Result<Principal> Access::principal_of_key(std::string_view key_text) const {
  std::string account;
  {
    const base::Lock lock(mutex_);
    const auto found = state_.keys.find(hash_of_secret(key_text));
    if (found == state_.keys.end() || found->second.revoked)
      return fail(Errc::unauthenticated, "the API key is not known");
    account = found->second.account;
  }
  return principal_of_account(account);
}

base::Result<LoginLink> Access::usable_login_link(std::string_view link_text, base::Time now) const {
  const base::Lock lock(mutex_);
  const auto found = state_.links.find(hash_of_secret(link_text));
  if (found == state_.links.end()) return fail(Errc::unauthenticated, "the login link is not known");
  if (found->second.used) return fail(Errc::unauthenticated, "the login link was used already");
  if (now >= found->second.expires) return fail(Errc::unauthenticated, "the login link expired");
  return found->second;
}

}  // namespace hinomi::access
