#include <hinomi/console/inside/answers.hpp>

#include <hinomi/base/escape.hpp>
#include <hinomi/console/inside/story.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace hinomi::console::inside {
namespace {

using model::EventKind;
using model::Field;

json::value text_or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::array texts(const std::vector<std::string>& items) {
  json::array out;
  for (const auto& item : items) out.emplace_back(item);
  return out;
}

// {"<name>":[item,…],"next":…}: the items are JSON already.
template <class T>
std::string page_text(std::string_view name, const std::vector<T>& items, const std::string& next) {
  std::string out = fmt::format("{{\"{}\":[", name);
  for (const auto& item : items) {
    if (&item != &items.front()) out += ',';
    out += to_json(item);
  }
  return out + fmt::format("],\"next\":{}}}", json::serialize(text_or_null(next)));
}

template <class T>
json::array parsed_all(const std::vector<T>& items) {
  json::array out;
  for (const auto& item : items) out.push_back(json::parse(to_json(item)));
  return out;
}

base::Result<std::optional<model::HostId>> host_of(const Call& call) {
  const std::string text = text_parameter(call, "host");
  if (text.empty()) return std::nullopt;
  auto id = model::HostId::parse(text);
  if (!id) return base::fail(base::Errc::invalid_argument, "host must be a host's UUID");
  return *id;
}

base::Error as_argument(base::Error error) {
  if (error.code == base::Errc::malformed) error.code = base::Errc::invalid_argument;
  return error;
}

// An id in a path that is none names nothing.
std::unexpected<base::Error> nothing(std::string_view what) {
  return base::fail(base::Errc::not_found, fmt::format("there is no such {}", what));
}

// --- who and how ---------------------------------------------------------------------------------------------------------

base::Result<net::Response> session(const Services&, const Call& call) { return answer_of(session_object(call.who)); }

std::vector<LogSummary> visible_logs(const Services& services, const access::Principal& who) {
  std::vector<LogSummary> out = services.logs.list();
  std::erase_if(out, [&](const LogSummary& log) { return !sees(who, log.organisation); });
  std::ranges::sort(out, {}, &LogSummary::organisation);
  return out;
}

json::array logs_array(const std::vector<LogSummary>& logs) {
  json::array out;
  for (const auto& log : logs)
    out.push_back(json::object{{"organisation", log.organisation}, {"origin", log.origin}, {"size", log.size}});
  return out;
}

base::Result<net::Response> status(const Services& services, const Call& call) {
  constexpr std::int64_t kWindow = 10;
  const store::Scope scope = scope_of(call.who);
  const About about = services.operations.about();
  const base::Time now = services.clock.now();
  const store::Counts counts = TRY(services.store.counts(scope));
  const std::uint64_t recent = TRY(services.store.events_since(scope, now.plus_seconds(-kWindow)));
  const auto logs = visible_logs(services, call.who);
  json::array organisations;
  for (const auto& log : logs)
    if (log.organisation != "centre") organisations.emplace_back(log.organisation);
  return answer_of(json::object{
      {"name", about.name},
      {"version", about.version},
      {"engine", about.engine},
      {"time", now.rfc3339()},
      {"organisations", std::move(organisations)},
      {"counts",
       {{"events", counts.events},
        {"findings", counts.findings},
        {"indicators", counts.indicators},
        {"hosts", counts.hosts}}},
      {"events_per_second", static_cast<double>(recent) / static_cast<double>(kWindow)},
      {"rules", {{"loaded", about.rules_loaded}, {"failed", about.rules_failed}}},
      {"logs", logs_array(logs)},
  });
}

// --- what was seen -------------------------------------------------------------------------------------------------------

base::Result<net::Response> events(const Services& services, const Call& call) {
  store::EventQuery query;
  query.organisation = TRY(organisation_of(call));
  query.host = TRY(host_of(call));
  if (const std::string kind = text_parameter(call, "kind"); !kind.empty()) {
    query.kind = model::kind_named(kind);
    if (!query.kind)
      return base::fail(base::Errc::invalid_argument, "kind must be a kind of event, such as process_start");
  }
  if (const std::string guid = text_parameter(call, "process_guid"); !guid.empty()) query.process_guids = {guid};
  query.since = TRY(time_parameter(call, "since"));
  query.until = TRY(time_parameter(call, "until"));
  query.text = text_parameter(call, "text");
  query.cursor = text_parameter(call, "cursor");
  query.limit = TRY(limit_parameter(call));
  const std::string order = text_parameter(call, "order");
  if (order == "asc") query.order = store::EventOrder::arrival;
  else if (!order.empty() && order != "desc")
    return base::fail(base::Errc::invalid_argument, "order must be asc or desc");
  const auto page = TRY(services.store.events(scope_of(call.who), query));
  return answer_of(page_text("events", page.items, page.next));
}

base::Result<net::Response> event(const Services& services, const Call& call) {
  const auto id = model::EventId::parse(call.names[0]);
  if (!id) return nothing("event");
  const auto found = TRY(services.store.events_by_id(scope_of(call.who), {*id}));
  if (found.empty()) return nothing("event");
  return answer_of(model::to_json(found.front()));
}

base::Result<net::Response> hosts(const Services& services, const Call& call) {
  const auto organisation = TRY(organisation_of(call));
  const auto found = TRY(services.store.hosts(scope_of(call.who), organisation));
  std::string out = "{\"hosts\":[";
  for (const auto& host : found) {
    if (&host != &found.front()) out += ',';
    out += store::to_json(host);
  }
  return answer_of(out + "]}");
}

base::Result<net::Response> findings(const Services& services, const Call& call) {
  store::FindingQuery query;
  query.organisation = TRY(organisation_of(call));
  query.host = TRY(host_of(call));
  if (const std::string level = text_parameter(call, "level"); !level.empty()) {
    auto named = model::level_named(level);
    if (!named) return base::fail(as_argument(std::move(named).error()));
    query.minimum_level = *named;
  }
  query.rule = text_parameter(call, "rule");
  query.since = TRY(time_parameter(call, "since"));
  query.until = TRY(time_parameter(call, "until"));
  query.cursor = text_parameter(call, "cursor");
  query.limit = TRY(limit_parameter(call));
  const auto page = TRY(services.store.findings(scope_of(call.who), query));
  return answer_of(page_text("findings", page.items, page.next));
}

// What the store knows around a finding. Bounded: the line is as long as its ancestry, and of a busy process the first fifty
// children, grandchildren and connections near the finding are enough to understand it.
base::Result<Surroundings> surroundings_of(const Services& services, const store::Scope& scope,
                                           const model::Finding& finding) {
  constexpr unsigned kMost = 50;
  constexpr std::size_t kMostLine = 64;
  Surroundings out;
  std::vector<model::EventId> ids;
  for (const auto& evidence : finding.evidence)
    if (ids.size() < store::kMaxLimit) ids.push_back(evidence.event);
  out.evidence = TRY(services.store.events_by_id(scope, ids));

  const auto ask = [&](EventKind kind, std::vector<std::string> guids, std::vector<std::string> parents,
                       std::optional<base::Time> since, std::optional<base::Time> until,
                       unsigned limit) -> base::Result<std::vector<model::RecordedEvent>> {
    if (guids.empty() && parents.empty()) return std::vector<model::RecordedEvent>{};
    store::EventQuery query;
    query.organisation = finding.organisation;
    query.host = finding.host;
    query.kind = kind;
    query.process_guids = std::move(guids);
    query.parent_guids = std::move(parents);
    query.since = since;
    query.until = until;
    query.limit = limit;
    auto page = TRY(services.store.events(scope, query));
    return std::move(page.items);
  };
  const auto add = [](std::vector<model::RecordedEvent>& to, std::vector<model::RecordedEvent> more) {
    for (auto& event : more) to.push_back(std::move(event));
  };

  std::vector<std::string> line;
  for (const auto& ancestor : finding.ancestry)
    if (!ancestor.guid.empty()) line.push_back(ancestor.guid);
  if (!finding.process_guid.empty() && std::ranges::find(line, finding.process_guid) == line.end())
    line.push_back(finding.process_guid);
  if (line.size() > kMostLine) line.erase(line.begin(), line.end() - kMostLine);
  const base::Time just_after{finding.source_time.nanoseconds + 1};
  const base::Time from = finding.source_time.plus_seconds(-60);
  const base::Time to = finding.source_time.plus_seconds(600);
  add(out.starts, TRY(ask(EventKind::process_start, line, {}, std::nullopt, just_after, store::kMaxLimit)));

  std::vector<std::string> family = line;  // whose exits are asked for
  std::vector<std::string> speaking;       // whose connections are
  if (!finding.process_guid.empty()) {
    speaking.push_back(finding.process_guid);
    std::vector<std::string> parents{finding.process_guid};
    for (int generation = 0; generation < 2 && !parents.empty(); ++generation) {
      auto children = TRY(ask(EventKind::process_start, {}, parents, from, to, kMost));
      std::set<std::string> next;
      for (const auto& child : children) {
        const std::string guid(child.event.bytes(Field::process_guid));
        if (!guid.empty() && std::ranges::find(family, guid) == family.end()) next.insert(guid);
      }
      add(out.starts, std::move(children));
      parents.assign(next.begin(), next.end());
      family.insert(family.end(), parents.begin(), parents.end());
      speaking.insert(speaking.end(), parents.begin(), parents.end());
    }
    for (const EventKind kind : {EventKind::network_connect, EventKind::network_accept})
      add(out.connections, TRY(ask(kind, speaking, {}, from, to, kMost)));
  }
  add(out.exits, TRY(ask(EventKind::process_exit, family, {}, std::nullopt, std::nullopt, store::kMaxLimit)));

  // Indicators that rest on this finding: found by the values that its evidence holds.
  std::set<std::string> values;
  const auto add_values = [&](const model::Event& event) {
    for (const Field field : {Field::process_sha256, Field::process_script_sha256})
      if (const auto digest = event.digest(field)) values.insert(digest->hex());
    for (const Field field : {Field::source_address, Field::destination_address})
      if (const auto address = event.address(field)) values.insert(address->text());
    if (const auto name = event.bytes(Field::destination_hostname); !name.empty()) values.insert(std::string(name));
  };
  for (const auto& evidence : out.evidence) add_values(evidence.event);
  for (const auto& start : out.starts)
    if (start.event.bytes(Field::process_guid) == finding.process_guid) add_values(start.event);
  if (!finding.process_guid.empty())
    for (const auto& digest :
         TRY(ask(EventKind::process_digest, {finding.process_guid}, {}, std::nullopt, std::nullopt, kMost)))
      add_values(digest.event);
  std::set<model::IndicatorId> seen;
  for (const auto& value : values) {
    store::IndicatorQuery query;
    query.organisation = finding.organisation;
    query.value = value;
    for (auto& indicator : TRY(services.store.indicators(scope, query)).items)
      if (std::ranges::find(indicator.findings, finding.id) != indicator.findings.end() &&
          seen.insert(indicator.id).second)
        out.indicators.push_back(std::move(indicator));
  }
  return out;
}

json::object rule_object(const Services& services, const model::Finding& finding) {
  // The finding names the rule as it was when it held; the texts around it come from the rule file.
  const auto text = services.operations.rule(finding.rule.id, finding.rule.digest);
  const RuleText none;
  const RuleText& rule = text ? *text : none;
  return {{"id", finding.rule.id},
          {"title", base::escape_for_display(finding.rule.title)},
          {"title_ja", text_or_null(rule.title_ja)},
          {"description", text_or_null(rule.description)},
          {"description_ja", text_or_null(rule.description_ja)},
          {"level", model::name_of(finding.rule.level)},
          {"tags", texts(finding.rule.tags)},
          {"author", text_or_null(base::escape_for_display(finding.rule.author))},
          {"references", texts(rule.references)},
          {"falsepositives", texts(rule.falsepositives)},
          {"source", text_or_null(rule.source)}};
}

base::Result<net::Response> finding(const Services& services, const Call& call) {
  const auto id = model::FindingId::parse(call.names[0]);
  if (!id) return nothing("finding");
  const store::Scope scope = scope_of(call.who);
  const model::Finding found = TRY(services.store.finding(scope, *id));
  const Surroundings around = TRY(surroundings_of(services, scope, found));
  const auto processes = processes_of(found, around);
  const auto connections = connections_of(around);
  json::array process_array;
  for (const auto& process : processes) process_array.push_back(to_object(process));
  json::array connection_array;
  for (const auto& connection : connections) connection_array.push_back(to_object(connection));
  json::array step_array;
  for (const auto& step : steps_of(found, around, processes, connections)) step_array.push_back(to_object(step));
  return answer_of(json::object{{"finding", json::parse(model::to_json(found))},
                                {"events", parsed_all(around.evidence)},
                                {"processes", std::move(process_array)},
                                {"connections", std::move(connection_array)},
                                {"rule", rule_object(services, found)},
                                {"steps", std::move(step_array)},
                                {"indicators", parsed_all(around.indicators)}});
}

base::Result<net::Response> indicators(const Services& services, const Call& call) {
  store::IndicatorQuery query;
  query.organisation = TRY(organisation_of(call));
  if (const std::string state = text_parameter(call, "state"); !state.empty()) {
    auto named = model::indicator_state_named(state);
    if (!named) return base::fail(as_argument(std::move(named).error()));
    query.state = *named;
  }
  if (const std::string type = text_parameter(call, "type"); !type.empty()) {
    auto named = model::indicator_type_named(type);
    if (!named) return base::fail(as_argument(std::move(named).error()));
    query.type = *named;
  }
  query.cursor = text_parameter(call, "cursor");
  query.limit = TRY(limit_parameter(call));
  const auto page = TRY(services.store.indicators(scope_of(call.who), query));
  return answer_of(page_text("indicators", page.items, page.next));
}

base::Result<model::Indicator> indicator_named(const Services& services, const Call& call) {
  const auto id = model::IndicatorId::parse(call.names[0]);
  if (!id) return nothing("indicator");
  return services.store.indicator(scope_of(call.who), *id);
}

base::Result<net::Response> indicator(const Services& services, const Call& call) {
  return answer_of(model::to_json(TRY(indicator_named(services, call))));
}

base::Result<net::Response> publish(const Services& services, const Call& call) {
  const model::Indicator found = TRY(indicator_named(services, call));
  if (!call.who.may_publish(found.organisation))
    return base::fail(base::Errc::forbidden, "this account may not publish");
  if (found.state != model::IndicatorState::candidate)
    return base::fail(base::Errc::conflict, fmt::format("this indicator is {}", model::name_of(found.state)));
  return answer_of(model::to_json(TRY(services.operations.publish(call.who, found))));
}

// --- proofs --------------------------------------------------------------------------------------------------------------

base::Result<net::Response> logs(const Services& services, const Call& call) {
  return answer_of(json::object{{"logs", logs_array(visible_logs(services, call.who))}});
}

base::Result<net::Response> log_checkpoint(const Services& services, const Call& call) {
  if (!sees(call.who, call.names[0])) return nothing("log");
  const LogCheckpoint found = TRY(services.logs.checkpoint(call.names[0]));
  return answer_of(
      json::object{{"origin", found.origin}, {"size", found.size}, {"checkpoint", found.note}, {"vkey", found.vkey}});
}

base::Result<net::Response> log_entry(const Services& services, const Call& call) {
  if (!sees(call.who, call.names[0])) return nothing("log");
  const std::string& text = call.names[1];
  std::uint64_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size()) return nothing("entry");
  const LogProof proof = TRY(services.logs.entry(call.names[0], index));
  json::array path;
  for (const auto& hash : proof.path) path.emplace_back(base::to_base64(hash.bytes()));
  return answer_of(json::object{{"origin", proof.checkpoint.origin},
                                {"index", proof.index},
                                {"size", proof.checkpoint.size},
                                {"leaf", base::to_base64(proof.leaf)},
                                {"leaf_hash", base::to_base64(proof.leaf_hash.bytes())},
                                {"path", std::move(path)},
                                {"checkpoint", proof.checkpoint.note},
                                {"vkey", proof.checkpoint.vkey},
                                {"entry",
                                 {{"kind", proof.kind},
                                  {"received", proof.received.rfc3339()},
                                  {"system", text_or_null(proof.system)},
                                  {"sensor", text_or_null(proof.sensor)},
                                  {"payload_digest", proof.payload_digest.hex()},
                                  {"payload_length", proof.payload_length}}}});
}

base::Result<net::Response> rederive(const Services& services, const Call& call) {
  return answer_of(json::object{{"job", TRY(services.operations.rederive(call.who))}}, 202);
}

base::Result<net::Response> rederive_state(const Services& services, const Call& call) {
  const RederiveState state = TRY(services.operations.rederive_state(call.names[0]));
  return answer_of(json::object{
      {"state", state.state},
      {"progress", state.progress},
      {"verdict", text_or_null(state.verdict)},
      {"compared", {{"events", state.events}, {"findings", state.findings}, {"indicators", state.indicators}}},
      {"first_difference", text_or_null(state.first_difference)}});
}

// --- the centre's own affairs --------------------------------------------------------------------------------------------

base::Result<net::Response> rules(const Services& services, const Call&) {
  json::array out;
  for (const auto& rule : services.operations.rules())
    out.push_back(json::object{{"id", text_or_null(rule.id)},
                               {"title", text_or_null(rule.title)},
                               {"level", text_or_null(rule.level)},
                               {"digest", text_or_null(rule.digest)},
                               {"file", text_or_null(rule.file)},
                               {"error", text_or_null(rule.error)}});
  return answer_of(json::object{{"rules", std::move(out)}});
}

base::Result<model::OrganisationId> organisation_member(const std::string& text) {
  auto parsed = model::OrganisationId::parse(text);
  if (!parsed) return base::fail(as_argument(std::move(parsed).error()));
  if (text == "centre") return base::fail(base::Errc::invalid_argument, "'centre' is the name of the centre's own log");
  return *parsed;
}

base::Result<net::Response> make_token(const Services& services, const Call& call) {
  TokenRequest request;
  const std::string organisation = TRY(text_member(call, "organisation"));
  request.organisation = TRY(organisation_member(organisation));
  const std::string system = TRY(text_member(call, "system"));
  auto parsed = model::SystemId::parse(system);
  if (!parsed) return base::fail(as_argument(std::move(parsed).error()));
  request.system = *parsed;
  request.uses = static_cast<std::uint32_t>(TRY(number_member(call, "uses", 1, 1, 100'000)));
  request.expires_seconds = TRY(number_member(call, "expires_seconds", 3600, 60, 366 * 86'400));
  return answer_of(json::object{{"token", TRY(services.operations.make_token(call.who, request))}}, 201);
}

base::Result<net::Response> make_account(const Services& services, const Call& call) {
  AccountRequest request;
  request.name = TRY(text_member(call, "name"));
  request.role = TRY(text_member(call, "role"));
  if (request.role != "analyst" && request.role != "csirt" && request.role != "subscriber")
    return base::fail(base::Errc::invalid_argument, "role must be analyst, csirt or subscriber");
  if (const auto organisation = TRY(text_member_if(call, "organisation")))
    request.organisation = TRY(organisation_member(*organisation));
  if (request.role == "csirt" && !request.organisation)
    return base::fail(base::Errc::invalid_argument, "a csirt account needs an organisation");
  if (request.role == "analyst" && request.organisation)
    return base::fail(base::Errc::invalid_argument, "an analyst sees every organisation and belongs to none");
  TRY_VOID(services.operations.make_account(call.who, request));
  return answer_of(json::object{{"name", request.name},
                                {"role", request.role},
                                {"organisation", request.organisation ? json::value(request.organisation->text())
                                                                      : json::value(nullptr)}},
                   201);
}

base::Result<net::Response> make_login_link(const Services& services, const Call& call) {
  const std::string account = TRY(text_member(call, "account"));
  return answer_of(json::object{{"url", TRY(services.operations.make_login_link(call.who, account))}}, 201);
}

base::Result<net::Response> make_api_key(const Services& services, const Call& call) {
  const std::string account = TRY(text_member(call, "account"));
  return answer_of(json::object{{"key", TRY(services.operations.make_api_key(call.who, account))}}, 201);
}

base::Result<net::Response> revoke(const Services& services, const Call& call) {
  const std::string text = TRY(text_member(call, "sensor"));
  auto sensor = model::SensorId::parse(text);
  if (!sensor) return base::fail(base::Errc::invalid_argument, "sensor must be a sensor's UUID");
  TRY_VOID(services.operations.revoke(call.who, *sensor));
  return answer_of(json::object{{"sensor", sensor->text()}}, 201);
}

}  // namespace

json::object session_object(const access::Principal& who) {
  return {{"account", who.account},
          {"role", access::name_of(who.role)},
          {"organisation", who.organisation ? json::value(who.organisation->text()) : json::value(nullptr)}};
}

const std::vector<Entry>& entries() {
  static const std::vector<std::string_view> kSession{"account", "role", "organisation"};
  static const std::vector<std::string_view> kEvent{
      "id",     "kind", "source_time", "observed_time", "received_time", "organisation",
      "system", "host", "host_name",   "entry",         "fields"};
  static const std::vector<std::string_view> kIndicator{
      "id",       "type",    "value",    "pattern",    "producer",     "organisation",
      "state",    "reason",  "level",    "confidence", "tags",         "findings",
      "evidence", "created", "modified", "valid_from", "published_by", "published"};
  static const std::vector<Entry> all{
      {{"POST", "/login", May::anyone, {}, {"token"}, kSession}, nullptr},
      {{"POST", "/logout", May::known, {}, {}, {}}, nullptr},
      {{"GET", "/session", May::known, {}, {}, kSession}, session},
      {{"GET",
        "/status",
        May::owners,
        {},
        {},
        {"name", "version", "engine", "time", "organisations", "counts", "events_per_second", "rules", "logs"}},
       status},
      {{"GET",
        "/events",
        May::owners,
        {"organisation", "host", "kind", "process_guid", "since", "until", "text", "limit", "cursor", "order"},
        {},
        {"events", "next"}},
       events},
      {{"GET", "/events/{id}", May::owners, {}, {}, kEvent}, event},
      {{"GET",
        "/findings",
        May::owners,
        {"organisation", "host", "level", "rule", "since", "until", "limit", "cursor"},
        {},
        {"findings", "next"}},
       findings},
      {{"GET",
        "/findings/{id}",
        May::owners,
        {},
        {},
        {"finding", "events", "processes", "connections", "rule", "steps", "indicators"}},
       finding},
      {{"GET", "/hosts", May::owners, {"organisation"}, {}, {"hosts"}}, hosts},
      {{"GET",
        "/indicators",
        May::owners,
        {"organisation", "state", "type", "limit", "cursor"},
        {},
        {"indicators", "next"}},
       indicators},
      {{"GET", "/indicators/{id}", May::owners, {}, {}, kIndicator}, indicator},
      {{"POST", "/indicators/{id}/publish", May::owners, {}, {}, kIndicator}, publish},
      {{"GET", "/logs", May::owners, {}, {}, {"logs"}}, logs},
      {{"GET", "/logs/{organisation}/checkpoint", May::owners, {}, {}, {"origin", "size", "checkpoint", "vkey"}},
       log_checkpoint},
      {{"GET",
        "/logs/{organisation}/entries/{index}",
        May::owners,
        {},
        {},
        {"origin", "index", "size", "leaf", "leaf_hash", "path", "checkpoint", "vkey", "entry"}},
       log_entry},
      {{"POST", "/rederive", May::centre, {}, {}, {"job"}}, rederive},
      {{"GET",
        "/rederive/{job}",
        May::centre,
        {},
        {},
        {"state", "progress", "verdict", "compared", "first_difference"}},
       rederive_state},
      {{"GET", "/rules", May::centre, {}, {}, {"rules"}}, rules},
      {{"POST", "/tokens", May::centre, {}, {"organisation", "system", "uses", "expires_seconds"}, {"token"}},
       make_token},
      {{"POST", "/accounts", May::centre, {}, {"name", "role", "organisation"}, {"name", "role", "organisation"}},
       make_account},
      {{"POST", "/login-links", May::centre, {}, {"account"}, {"url"}}, make_login_link},
      {{"POST", "/api-keys", May::centre, {}, {"account"}, {"key"}}, make_api_key},
      {{"POST", "/revocations", May::centre, {}, {"sensor"}, {"sensor"}}, revoke},
  };
  return all;
}

}  // namespace hinomi::console::inside
