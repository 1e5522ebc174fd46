// Questions: each is put together from fixed pieces of SQL; every value is bound. The scope is always the first piece.
#include <hinomi/store/inside/tables.hpp>
#include <hinomi/store/store.hpp>

#include <fmt/core.h>
#include <fmt/format.h>

#include <charconv>
#include <variant>

namespace hinomi::store {

using inside::Connection;
using inside::Statement;

namespace {

using Value = std::variant<std::string, std::uint64_t, base::Time>;

// The conditions of a question and the values they wait for, in order.
class Filter {
 public:
  explicit Filter(const Scope& scope) {
    if (scope.is_everything()) return;
    std::vector<std::string> names;
    for (const auto& organisation : scope.organisations()) names.push_back(organisation.text());
    any_of("organisation", names);
  }
  void add(std::string_view condition, std::initializer_list<Value> values) {
    sql_ += sql_.empty() ? " WHERE " : " AND ";
    sql_ += condition;
    values_.insert(values_.end(), values);
  }
  // Nothing at all if the list is empty.
  void any_of(std::string_view column, const std::vector<std::string>& values) {
    if (values.empty()) return add("false", {});
    std::string places = "?";
    for (std::size_t i = 1; i < values.size(); ++i) places += ", ?";
    add(fmt::format("{} IN ({})", column, places), {});
    values_.insert(values_.end(), values.begin(), values.end());
  }
  void times(const std::optional<base::Time>& since, const std::optional<base::Time>& until) {
    if (since) add("source_time >= ?", {*since});
    if (until) add("source_time < ?", {*until});
  }
  [[nodiscard]] const std::string& sql() const { return sql_; }
  void bind(Statement& statement) const {
    for (const Value& value : values_) {
      if (const auto* text = std::get_if<std::string>(&value)) statement.text(*text);
      else if (const auto* number = std::get_if<std::uint64_t>(&value)) statement.number(*number);
      else statement.time(std::get<base::Time>(value));
    }
  }

 private:
  std::string sql_;
  std::vector<Value> values_;
};

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find('.');
    parts.push_back(text.substr(0, at));
    if (at == text.npos || parts.size() > 4) return parts;
    text.remove_prefix(at + 1);
  }
}

template <class Number>
base::Result<Number> number_of(std::string_view text) {
  Number out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size())
    return base::fail(base::Errc::invalid_argument, "the cursor is not one of ours");
  return out;
}

base::Result<std::vector<std::string_view>> parts_of(const std::string& cursor, std::string_view kind,
                                                     std::size_t count) {
  auto parts = split(cursor);
  if (parts.size() != count || parts[0] != kind)
    return base::fail(base::Errc::invalid_argument, "the cursor is not one of ours");
  return parts;
}

base::Status check_limit(unsigned limit) {
  if (limit >= 1 && limit <= kMaxLimit) return {};
  return base::fail(base::Errc::invalid_argument, fmt::format("limit must be 1 to {}", kMaxLimit));
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

base::Result<inside::Rows> ask(Connection& connection, std::string_view what, const Filter& filter,
                               std::string_view tail) {
  Statement statement = TRY(connection.prepare(fmt::format("{}{}{}", what, filter.sql(), tail)));
  filter.bind(statement);
  return statement.run();
}

// A page whose rows are (created, id, json): findings and indicators.
template <class T, class Parse>
base::Result<Page<T>> json_page(Connection& connection, std::string_view table, std::string_view time,
                                std::string_view direction, const Filter& filter, unsigned limit, Parse parse) {
  auto rows = TRY(ask(connection, fmt::format("SELECT {}, id, json FROM {}", time, table), filter,
                      fmt::format(" ORDER BY {0} {1}, id {1} LIMIT {2}", time, direction, limit + 1)));
  Page<T> page;
  std::string last;
  while (TRY(rows.next())) {
    if (page.items.size() == limit) {
      page.next = last;
      break;
    }
    page.items.push_back(TRY(parse(rows.text(2))));
    last = fmt::format("c.{}.{}", rows.integer(0), rows.text(1));
  }
  return page;
}

base::Status add_json_cursor(Filter& filter, const std::string& cursor, std::string_view time, std::string_view sign) {
  if (cursor.empty()) return {};
  const auto parts = TRY(parts_of(cursor, "c", 3));
  const base::Time at{TRY(number_of<std::int64_t>(parts[1]))};
  filter.add(fmt::format("({}, id) {} (?, ?)", time, sign), {at, std::string(parts[2])});
  return {};
}

}  // namespace

base::Result<Page<model::RecordedEvent>> Store::events(const Scope& scope, const EventQuery& query) const {
  TRY_VOID(check_limit(query.limit));
  const std::uint64_t arrived = arrived_.load();  // before the reading: what comes meanwhile is for the next page
  const bool follow = query.order == EventOrder::arrival;
  Filter filter(scope);
  if (query.organisation) filter.add("organisation = ?", {query.organisation->text()});
  if (query.host) filter.add("host = ?", {query.host->text()});
  if (query.kind) filter.add("kind = ?", {std::string(model::row_of(*query.kind).name)});
  if (!query.process_guids.empty()) filter.any_of("process_guid", query.process_guids);
  if (!query.parent_guids.empty()) filter.any_of("parent_guid", query.parent_guids);
  if (!query.text.empty()) filter.add("contains(search, ?)", {lower(query.text)});
  filter.times(query.since, query.until);
  std::uint64_t after = 0;
  if (follow) {
    if (!query.cursor.empty()) {
      const auto parts = TRY(parts_of(query.cursor, "a", 3));
      after = parts[1] == generation_ ? TRY(number_of<std::uint64_t>(parts[2]))
                                      : arrived;  // another building: from its end
    }
    filter.add("arrival > ?", {after});
    filter.add("arrival <= ?", {arrived});
  } else if (!query.cursor.empty()) {
    const auto parts = TRY(parts_of(query.cursor, "r", 4));
    const base::Time received{TRY(number_of<std::int64_t>(parts[1]))};
    const auto sequence = TRY(number_of<std::uint64_t>(parts[3]));
    filter.add("received_time <= ?", {received});
    filter.add("(received_time, organisation, sequence) < (?, ?, ?)", {received, std::string(parts[2]), sequence});
  }
  const auto opened = TRY(database());
  Connection connection = TRY(opened->connect());
  auto rows = TRY(
      ask(connection, fmt::format("SELECT {} FROM events", inside::event_columns()), filter,
          fmt::format(" ORDER BY {} LIMIT {}",
                      follow ? "arrival" : "received_time DESC, organisation DESC, sequence DESC", query.limit + 1)));
  Page<model::RecordedEvent> page;
  std::uint64_t last = std::max(after, arrived);
  while (TRY(rows.next())) {
    if (page.items.size() == query.limit) {
      const model::RecordedEvent& final = page.items.back();
      if (!follow)
        page.next = fmt::format("r.{}.{}.{}", final.provenance.received_time.nanoseconds,
                                final.provenance.organisation.text(), final.event.id.sequence);
      break;
    }
    page.items.push_back(TRY(inside::read_event(rows)));
    after = rows.number(0);
  }
  if (follow) page.next = fmt::format("a.{}.{}", generation_, page.items.size() == query.limit ? after : last);
  return page;
}

base::Result<std::vector<model::RecordedEvent>> Store::events_by_id(const Scope& scope,
                                                                    const std::vector<model::EventId>& ids) const {
  if (ids.size() > kMaxLimit)
    return base::fail(base::Errc::invalid_argument, fmt::format("more than {} events asked for", kMaxLimit));
  std::map<model::EventId, model::RecordedEvent> found;
  if (!ids.empty()) {
    Filter filter(scope);
    std::string condition = "(";
    std::vector<Value> values;
    for (const model::EventId& id : ids) {
      condition += values.empty() ? "" : " OR ";
      condition += "(sensor = ? AND epoch = ? AND sequence = ?)";
      values.insert(values.end(), {id.sensor.text(), id.epoch, id.sequence});
    }
    filter.add(condition + ")", {});
    const auto opened = TRY(database());
    Connection connection = TRY(opened->connect());
    Statement statement =
        TRY(connection.prepare(fmt::format("SELECT {} FROM events{}", inside::event_columns(), filter.sql())));
    filter.bind(statement);
    for (const Value& value : values) {
      if (const auto* text = std::get_if<std::string>(&value)) statement.text(*text);
      else statement.number(std::get<std::uint64_t>(value));
    }
    auto rows = TRY(statement.run());
    while (TRY(rows.next())) {
      model::RecordedEvent event = TRY(inside::read_event(rows));
      found.emplace(event.event.id, std::move(event));
    }
  }
  std::vector<model::RecordedEvent> out;
  for (const model::EventId& id : ids)
    if (const auto there = found.find(id); there != found.end()) out.push_back(there->second);
  return out;
}

base::Result<Page<model::Finding>> Store::findings(const Scope& scope, const FindingQuery& query) const {
  TRY_VOID(check_limit(query.limit));
  Filter filter(scope);
  if (query.organisation) filter.add("organisation = ?", {query.organisation->text()});
  if (query.host) filter.add("host = ?", {query.host->text()});
  if (query.minimum_level) filter.add("level >= ?", {static_cast<std::uint64_t>(*query.minimum_level)});
  if (!query.rule.empty()) filter.add("rule = ?", {query.rule});
  if (!query.process_guid.empty()) filter.add("process_guid = ?", {query.process_guid});
  filter.times(query.since, query.until);
  TRY_VOID(add_json_cursor(filter, query.cursor, "received_time", "<"));
  const auto opened = TRY(database());
  Connection connection = TRY(opened->connect());
  return json_page<model::Finding>(connection, "findings", "received_time", "DESC", filter, query.limit,
                                   model::finding_from_json);
}

base::Result<model::Finding> Store::finding(const Scope& scope, const model::FindingId& id) const {
  Filter filter(scope);
  filter.add("id = ?", {id.text()});
  const auto opened = TRY(database());
  Connection connection = TRY(opened->connect());
  auto rows = TRY(ask(connection, "SELECT json FROM findings", filter, " LIMIT 1"));
  if (!TRY(rows.next())) return base::fail(base::Errc::not_found, fmt::format("there is no finding {}", id.text()));
  return model::finding_from_json(rows.text(0));
}

base::Result<Page<model::Indicator>> Store::indicators(const Scope& scope, const IndicatorQuery& query) const {
  TRY_VOID(check_limit(query.limit));
  Filter filter(scope);
  if (query.organisation) filter.add("organisation = ?", {query.organisation->text()});
  if (query.state) filter.add("state = ?", {std::string(model::name_of(*query.state))});
  if (query.type) filter.add("type = ?", {std::string(model::name_of(*query.type))});
  if (!query.value.empty()) filter.add("value = ?", {query.value});
  if (query.published_after) filter.add("published > ?", {*query.published_after});
  const bool by_publication = query.order == IndicatorOrder::by_publication;
  if (by_publication) filter.add("published IS NOT NULL", {});
  const std::string_view time = by_publication ? "published" : "created";
  TRY_VOID(add_json_cursor(filter, query.cursor, time, by_publication ? ">" : "<"));
  const auto opened = TRY(database());
  Connection connection = TRY(opened->connect());
  return json_page<model::Indicator>(connection, "indicators", time, by_publication ? "ASC" : "DESC", filter,
                                     query.limit, model::indicator_from_json);
}

base::Result<model::Indicator> Store::indicator(const Scope& scope, const model::IndicatorId& id) const {
  Filter filter(scope);
  filter.add("id = ?", {id.text()});
  const auto opened = TRY(database());
  Connection connection = TRY(opened->connect());
  auto rows = TRY(ask(connection, "SELECT json FROM indicators", filter, " LIMIT 1"));
  if (!TRY(rows.next())) return base::fail(base::Errc::not_found, fmt::format("there is no indicator {}", id.text()));
  return model::indicator_from_json(rows.text(0));
}

base::Result<std::vector<Host>> Store::hosts(const Scope& scope,
                                             const std::optional<model::OrganisationId>& organisation) const {
  Filter filter(scope);
  if (organisation) filter.add("organisation = ?", {organisation->text()});
  const auto opened = TRY(database());
  Connection connection = TRY(opened->connect());
  auto rows = TRY(ask(connection, fmt::format("SELECT {} FROM hosts", inside::host_columns()), filter,
                      " ORDER BY organisation, system, host_name, sensor"));
  std::vector<Host> out;
  while (TRY(rows.next())) out.push_back(TRY(inside::read_host(rows)));
  return out;
}

base::Result<Counts> Store::counts(const Scope& scope) const {
  const Filter filter(scope);
  const auto opened = TRY(database());
  Connection connection = TRY(opened->connect());
  const auto count = [&](std::string_view what) -> base::Result<std::uint64_t> {
    auto rows = TRY(ask(connection, what, filter, ""));
    return TRY(rows.next()) ? rows.number(0) : 0;
  };
  Counts out;
  out.events = TRY(count("SELECT coalesce(sum(events), 0)::UBIGINT FROM hosts"));
  out.hosts = TRY(count("SELECT count(*)::UBIGINT FROM hosts"));
  out.findings = TRY(count("SELECT count(*)::UBIGINT FROM findings"));
  out.indicators = TRY(count("SELECT count(*)::UBIGINT FROM indicators"));
  return out;
}

base::Result<std::uint64_t> Store::events_since(const Scope& scope, base::Time received) const {
  Filter filter(scope);
  filter.add("received_time >= ?", {received});
  const auto opened = TRY(database());
  Connection connection = TRY(opened->connect());
  auto rows = TRY(ask(connection, "SELECT count(*)::UBIGINT FROM events", filter, ""));
  return TRY(rows.next()) ? rows.number(0) : 0;
}

}  // namespace hinomi::store
