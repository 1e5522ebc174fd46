#include <services.hpp>

#include <hinomi/access/secret.hpp>

#include <fmt/core.h>

#include <algorithm>

namespace hinomi::centre {

console::About Operations::about() const {
  return {.name = parts_.config.name,
          .version = std::string(kVersion),
          .engine = std::string(detect::kEngineVersion),
          .rules_loaded = parts_.plan.rules().size(),
          .rules_failed = parts_.plan.errors().size()};
}

std::vector<console::RuleRow> Operations::rules() const {
  std::vector<console::RuleRow> out;
  for (const detect::Rule& rule : parts_.plan.rules())
    out.push_back({.id = rule.ref.id,
                   .title = rule.ref.title,
                   .level = std::string(model::name_of(rule.ref.level)),
                   .digest = rule.ref.digest.hex(),
                   .file = rule.file,
                   .error = {}});
  for (const detect::RuleError& error : parts_.plan.errors())
    out.push_back({.id = {}, .title = {}, .level = {}, .digest = {}, .file = error.file, .error = error.text()});
  return out;
}

std::optional<console::RuleText> Operations::rule(std::string_view id, const base::Digest&) const {
  const detect::Rule* found = parts_.plan.find(id);
  if (found == nullptr) return std::nullopt;
  console::RuleText out;
  out.id = found->ref.id;
  out.title = found->ref.title;
  out.title_ja = found->title_ja;
  out.description = found->description;
  out.description_ja = found->description_ja;
  out.level = model::name_of(found->ref.level);
  out.author = found->ref.author;
  out.source = found->source;
  out.tags = found->ref.tags;
  out.references = found->references;
  out.falsepositives = found->false_positives;
  return out;
}

base::Result<model::Indicator> Operations::publish(const access::Principal& who, const model::Indicator& indicator) {
  if (indicator.state != model::IndicatorState::candidate)
    return base::fail(base::Errc::conflict, fmt::format("the indicator is {}{}{}", model::name_of(indicator.state),
                                                        indicator.reason.empty() ? "" : ": ", indicator.reason));
  Line* line = parts_.line(indicator.organisation);
  if (line == nullptr) return base::fail(base::Errc::not_found, "the indicator's organisation has no log here");
  const auto act = TRY(parts_.acts.perform(indicator.organisation, publish_act(who.account, indicator.id)));
  if (!line->wait_for(act.first.index, std::chrono::seconds(20)))
    return base::fail(base::Errc::timed_out,
                      "the publication is recorded; it takes effect once the tables have caught up with the log");
  model::Indicator after = TRY(parts_.store.indicator(store::Scope::everything(), indicator.id));
  if (after.state != model::IndicatorState::published)
    return base::fail(base::Errc::conflict, "the indicator could not be published");
  return after;
}

base::Result<std::string> Operations::rederive(const access::Principal& who) {
  return parts_.rederive.start([who](const model::OrganisationId& organisation) { return who.may_see(organisation); });
}

base::Result<std::string> Operations::make_token(const access::Principal& who, const console::TokenRequest& request) {
  if (request.organisation.text() == evidence::kCentre)
    return base::fail(base::Errc::invalid_argument, "no sensor can belong to the centre itself");
  const access::EnrolmentToken token = access::make_token(
      parts_.random, request.organisation, request.system, parts_.clock.now().plus_seconds(request.expires_seconds),
      request.uses, parts_.authority.sha256(), parts_.config.link_url);
  TRY_VOID(parts_.acts.perform(request.organisation, access::token_act(who.account, token.record()), std::nullopt,
                               request.system));
  return token.text();
}

base::Status Operations::make_account(const access::Principal& who, const console::AccountRequest& request) {
  access::Account account;
  account.name = request.name;
  account.role = TRY(access::role_named(request.role));
  account.organisation = request.organisation;
  TRY_VOID(parts_.acts.perform_for_centre(access::account_act(who.account, account)));
  return {};
}

base::Result<std::string> Operations::make_login_link(const access::Principal& who, std::string_view account) {
  const std::string secret = access::make_login_secret(parts_.random);
  access::LoginLink link;
  link.hash = access::hash_of_secret(secret);
  link.account = account;
  link.expires = parts_.clock.now().plus_seconds(access::kLoginLinkSeconds);
  TRY_VOID(parts_.acts.perform_for_centre(access::login_link_act(who.account, link)));
  return fmt::format("{}/login#{}", parts_.config.console_url, secret);
}

base::Result<std::string> Operations::make_api_key(const access::Principal& who, std::string_view account) {
  std::string secret = access::make_api_key(parts_.random);
  access::ApiKey key;
  key.hash = access::hash_of_secret(secret);
  key.account = account;
  key.made = parts_.clock.now();
  TRY_VOID(parts_.acts.perform_for_centre(access::api_key_act(who.account, key)));
  return secret;
}

base::Status Operations::revoke(const access::Principal& who, const model::SensorId& sensor) {
  const auto known = parts_.access.sensor(sensor);
  if (!known) return base::fail(base::Errc::not_found, fmt::format("there is no sensor {}", sensor.text()));
  TRY_VOID(parts_.acts.perform(known->organisation,
                               access::revocation_act(who.account, sensor, "revoked by " + who.account), sensor,
                               known->system));
  return {};
}

base::Result<std::string> Operations::first_login() {
  const access::Principal self{
      .account = "centre", .role = access::Role::centre_operator, .organisation = std::nullopt};
  TRY_VOID(make_account(self, {.name = "admin", .role = "analyst", .organisation = std::nullopt}));
  return make_login_link(self, "admin");
}

base::Status shelve(publish::Shelf& shelf, const store::Store& store, const model::Indicator& indicator) {
  std::vector<model::RuleRef> rules;
  for (const model::FindingId& id : indicator.findings) {
    const model::Finding finding = TRY(store.finding(store::Scope::of({indicator.organisation}), id));
    if (std::ranges::find(rules, finding.rule) == rules.end()) rules.push_back(finding.rule);
  }
  TRY_VOID(shelf.put(indicator, rules));
  return {};
}

}  // namespace hinomi::centre
