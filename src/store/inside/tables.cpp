#include <hinomi/store/inside/tables.hpp>

#include <hinomi/base/digest.hpp>
#include <hinomi/base/escape.hpp>

#include <fmt/core.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace hinomi::store::inside {
namespace {

// Columns of `events` before those of the catalogue.
enum Column : idx_t {
  kArrival,
  kOrganisation,
  kSystem,
  kHost,
  kHostLabel,
  kSensor,
  kEpoch,
  kSequence,
  kKind,
  kSourceTime,
  kObservedTime,
  kReceivedTime,
  kLog,
  kEntry,
  kSearch,
  kFirstField,
};
struct FixedColumn {
  const char* name;
  duckdb_type type;
};
constexpr std::array<FixedColumn, kFirstField> kFixed{
    {{"arrival", DUCKDB_TYPE_UBIGINT},
     {"organisation", DUCKDB_TYPE_VARCHAR},
     {"system", DUCKDB_TYPE_VARCHAR},
     {"host", DUCKDB_TYPE_VARCHAR},
     {"host_label", DUCKDB_TYPE_VARCHAR},  // `host_name` is in the catalogue
     {"sensor", DUCKDB_TYPE_VARCHAR},
     {"epoch", DUCKDB_TYPE_UBIGINT},
     {"sequence", DUCKDB_TYPE_UBIGINT},
     {"kind", DUCKDB_TYPE_VARCHAR},
     {"source_time", DUCKDB_TYPE_TIMESTAMP_NS},
     {"observed_time", DUCKDB_TYPE_TIMESTAMP_NS},
     {"received_time", DUCKDB_TYPE_TIMESTAMP_NS},
     {"log", DUCKDB_TYPE_VARCHAR},
     {"entry", DUCKDB_TYPE_UBIGINT},
     {"search", DUCKDB_TYPE_VARCHAR}}};

struct ColumnType {
  duckdb_type type;
  bool list;
};
ColumnType type_of(model::FieldType type) {
  switch (type) {
    case model::FieldType::number: return {DUCKDB_TYPE_UBIGINT, false};
    case model::FieldType::boolean: return {DUCKDB_TYPE_BOOLEAN, false};
    case model::FieldType::time: return {DUCKDB_TYPE_TIMESTAMP_NS, false};
    case model::FieldType::text: return {DUCKDB_TYPE_VARCHAR, false};
    case model::FieldType::texts: return {DUCKDB_TYPE_VARCHAR, true};
    case model::FieldType::paths: return {DUCKDB_TYPE_BLOB, true};
    case model::FieldType::path:
    case model::FieldType::arguments:
    case model::FieldType::digest:
    case model::FieldType::address: return {DUCKDB_TYPE_BLOB, false};
  }
  return {DUCKDB_TYPE_BLOB, false};
}

std::string_view sql_name(duckdb_type type) {
  switch (type) {
    case DUCKDB_TYPE_UBIGINT: return "UBIGINT";
    case DUCKDB_TYPE_BOOLEAN: return "BOOLEAN";
    case DUCKDB_TYPE_TIMESTAMP_NS: return "TIMESTAMP_NS";
    case DUCKDB_TYPE_VARCHAR: return "VARCHAR";
    default: return "BLOB";
  }
}

std::string create_events() {
  std::string sql = "CREATE TABLE events (";
  for (const FixedColumn& column : kFixed)
    sql += fmt::format("\"{}\" {} NOT NULL, ", column.name, sql_name(column.type));
  for (const model::FieldRow& row : model::all_fields()) {
    const ColumnType type = type_of(row.type);
    sql += fmt::format("\"{}\" {}{}, ", row.name, sql_name(type.type), type.list ? "[]" : "");
  }
  sql.resize(sql.size() - 2);
  return sql + ")";
}

// What a search looks through, in lower case; bounded, for it is kept beside the fields.
std::string search_text(const model::RecordedEvent& recorded) {
  using enum model::Field;
  constexpr std::array kFields{
      process_executable,  process_arguments,    process_script, process_user_name, process_sha256,
      destination_address, destination_hostname, source_address, parent_executable, loss_of};
  constexpr std::size_t kMaxPart = 4096;
  std::string out = base::to_utf8_lossy(recorded.provenance.host_name);
  for (const model::Field field : kFields) {
    const model::FieldValue* value = recorded.event.find(field);
    if (value == nullptr) continue;
    std::string part = model::text_of(field, *value);
    if (part.size() > kMaxPart) part = base::to_utf8_lossy(part.substr(0, kMaxPart));
    out += '\n';
    out += part;
  }
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

struct Types {
  std::vector<duckdb_logical_type> all;
  Types() {
    for (const FixedColumn& column : kFixed) all.push_back(duckdb_create_logical_type(column.type));
    for (const model::FieldRow& row : model::all_fields()) {
      const ColumnType type = type_of(row.type);
      duckdb_logical_type logical = duckdb_create_logical_type(type.type);
      if (type.list) {
        duckdb_logical_type list = duckdb_create_list_type(logical);
        duckdb_destroy_logical_type(&logical);
        logical = list;
      }
      all.push_back(logical);
    }
  }
  ~Types() {
    for (duckdb_logical_type& type : all) duckdb_destroy_logical_type(&type);
  }
  Types(const Types&) = delete;
  Types& operator=(const Types&) = delete;
};

// Column number of each catalogue field, by the field's own number.
idx_t column_of(model::Field field) {
  static const auto table = [] {
    std::array<idx_t, 1024> out{};
    idx_t column = kFirstField;
    for (const model::FieldRow& row : model::all_fields()) out.at(static_cast<std::size_t>(row.field)) = column++;
    return out;
  }();
  return table.at(static_cast<std::size_t>(field));
}

// One chunk of at most duckdb_vector_size() rows, filled column by column; what is not set is NULL.
class Chunk {
 public:
  explicit Chunk(const Types& types)
      : chunk_(duckdb_create_data_chunk(const_cast<duckdb_logical_type*>(types.all.data()), types.all.size())),
        columns_(types.all.size()) {}
  ~Chunk() { duckdb_destroy_data_chunk(&chunk_); }
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  void reset(std::size_t rows) {
    duckdb_data_chunk_reset(chunk_);
    for (idx_t i = 0; i < columns_.size(); ++i) {
      Vector& column = columns_[i];
      column.vector = duckdb_data_chunk_get_vector(chunk_, i);
      duckdb_vector_ensure_validity_writable(column.vector);
      column.validity = duckdb_vector_get_validity(column.vector);
      std::fill_n(column.validity, (rows + 63) / 64, std::uint64_t{0});
      column.data = duckdb_vector_get_data(column.vector);
      column.items = 0;
    }
    duckdb_data_chunk_set_size(chunk_, rows);
  }
  void number(idx_t column, idx_t row, std::uint64_t value) {
    static_cast<std::uint64_t*>(at(column, row).data)[row] = value;
  }
  void time(idx_t column, idx_t row, base::Time value) {
    static_cast<std::int64_t*>(at(column, row).data)[row] = value.nanoseconds;
  }
  void boolean(idx_t column, idx_t row, bool value) { static_cast<bool*>(at(column, row).data)[row] = value; }
  void text(idx_t column, idx_t row, std::string_view value) {
    duckdb_vector_assign_string_element_len(at(column, row).vector, row, value.data(), value.size());
  }
  void list(idx_t column, idx_t row, const std::vector<std::string>& values) {
    Vector& to = at(column, row);
    duckdb_list_vector_reserve(to.vector, to.items + values.size());
    duckdb_vector child = duckdb_list_vector_get_child(to.vector);
    for (std::size_t i = 0; i < values.size(); ++i)
      duckdb_vector_assign_string_element_len(child, to.items + i, values[i].data(), values[i].size());
    static_cast<duckdb_list_entry*>(to.data)[row] = {to.items, values.size()};
    to.items += values.size();
    duckdb_list_vector_set_size(to.vector, to.items);
  }
  [[nodiscard]] duckdb_data_chunk handle() const { return chunk_; }

 private:
  struct Vector {
    duckdb_vector vector = nullptr;
    std::uint64_t* validity = nullptr;
    void* data = nullptr;
    idx_t items = 0;
  };
  Vector& at(idx_t column, idx_t row) {
    Vector& out = columns_[column];
    out.validity[row / 64] |= std::uint64_t{1} << (row % 64);
    return out;
  }
  duckdb_data_chunk chunk_;
  std::vector<Vector> columns_;
};

void put_event(Chunk& chunk, idx_t row, const model::RecordedEvent& recorded, std::uint64_t arrival) {
  const model::Event& event = recorded.event;
  const model::Provenance& from = recorded.provenance;
  chunk.number(kArrival, row, arrival);
  chunk.text(kOrganisation, row, from.organisation.text());
  chunk.text(kSystem, row, from.system.text());
  chunk.text(kHost, row, from.host.text());
  chunk.text(kHostLabel, row, base::to_utf8_lossy(from.host_name));
  chunk.text(kSensor, row, event.id.sensor.text());
  chunk.number(kEpoch, row, event.id.epoch);
  chunk.number(kSequence, row, event.id.sequence);
  chunk.text(kKind, row, model::row_of(event.kind).name);
  chunk.time(kSourceTime, row, event.source_time);
  chunk.time(kObservedTime, row, event.observed_time);
  chunk.time(kReceivedTime, row, from.received_time);
  chunk.text(kLog, row, from.entry.log);
  chunk.number(kEntry, row, from.entry.index);
  chunk.text(kSearch, row, search_text(recorded));
  for (const auto& [field, value] : event.fields) {
    const idx_t column = column_of(field);
    switch (model::row_of(field).type) {
      case model::FieldType::number: chunk.number(column, row, std::get<std::uint64_t>(value)); break;
      case model::FieldType::boolean: chunk.boolean(column, row, std::get<std::uint64_t>(value) != 0); break;
      case model::FieldType::time:
        chunk.time(column, row, {static_cast<std::int64_t>(std::get<std::uint64_t>(value))});
        break;
      case model::FieldType::texts:
      case model::FieldType::paths: chunk.list(column, row, std::get<std::vector<std::string>>(value)); break;
      default: chunk.text(column, row, std::get<std::string>(value)); break;
    }
  }
}

class Appender {
 public:
  static base::Result<std::unique_ptr<Appender>> create(Connection& connection, const char* table) {
    duckdb_appender appender = nullptr;
    const duckdb_state state = duckdb_appender_create(connection.handle(), nullptr, table, &appender);
    auto out = std::make_unique<Appender>(appender);
    if (state == DuckDBError) return base::fail(out->error());
    return out;
  }
  explicit Appender(duckdb_appender appender) : appender_(appender) {}
  ~Appender() { duckdb_appender_destroy(&appender_); }
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;
  base::Status append(const Chunk& chunk) {
    if (duckdb_append_data_chunk(appender_, chunk.handle()) == DuckDBError) return base::fail(error());
    return {};
  }
  base::Status close() {
    if (duckdb_appender_close(appender_) == DuckDBError) return base::fail(error());
    return {};
  }

 private:
  base::Error error() { return duck_error("writing the store", duckdb_appender_error(appender_)); }
  duckdb_appender appender_;
};

}  // namespace

std::vector<std::string> create_statements() {
  return {create_events(),
          "CREATE TABLE findings (id VARCHAR NOT NULL, organisation VARCHAR NOT NULL, host VARCHAR NOT NULL, level "
          "UBIGINT NOT NULL, "
          "rule VARCHAR NOT NULL, process_guid VARCHAR NOT NULL, source_time TIMESTAMP_NS NOT NULL, received_time "
          "TIMESTAMP_NS NOT "
          "NULL, json VARCHAR NOT NULL)",
          "CREATE TABLE indicators (id VARCHAR NOT NULL, organisation VARCHAR NOT NULL, type VARCHAR NOT NULL, state "
          "VARCHAR NOT "
          "NULL, value VARCHAR NOT NULL, created TIMESTAMP_NS NOT NULL, published TIMESTAMP_NS, json VARCHAR NOT NULL)",
          "CREATE TABLE hosts (organisation VARCHAR NOT NULL, system VARCHAR NOT NULL, host VARCHAR NOT NULL, sensor "
          "VARCHAR NOT "
          "NULL, host_name VARCHAR NOT NULL, operating_system VARCHAR NOT NULL, kernel VARCHAR NOT NULL, "
          "sensor_version VARCHAR "
          "NOT NULL, hooks VARCHAR[] NOT NULL, first_seen TIMESTAMP_NS NOT NULL, last_seen TIMESTAMP_NS NOT NULL, "
          "events UBIGINT "
          "NOT NULL, findings UBIGINT NOT NULL, lost UBIGINT NOT NULL)",
          "CREATE TABLE corridor (log VARCHAR NOT NULL, next UBIGINT NOT NULL, detector BLOB NOT NULL, judge BLOB NOT "
          "NULL)",
          "CREATE TABLE layout (version VARCHAR NOT NULL, generation VARCHAR NOT NULL)"};
}

std::string layout_version() {
  base::Sha256 digest;
  for (const std::string& statement : create_statements()) digest.update(statement).update("\n");
  return digest.finish().hex();
}

base::Status append_events(Connection& connection, std::span<const model::RecordedEvent> events,
                           std::uint64_t first_arrival) {
  if (events.empty()) return {};
  const auto appender = TRY(Appender::create(connection, "events"));
  const Types types;
  Chunk chunk(types);
  const std::size_t most = duckdb_vector_size();
  while (!events.empty()) {
    const std::size_t count = std::min(most, events.size());
    chunk.reset(count);
    for (std::size_t row = 0; row < count; ++row) put_event(chunk, row, events[row], first_arrival++);
    TRY_VOID(appender->append(chunk));
    events = events.subspan(count);
  }
  return appender->close();
}

std::string event_columns() {
  std::string out;
  for (const FixedColumn& column : kFixed) out += fmt::format("\"{}\", ", column.name);
  for (const model::FieldRow& row : model::all_fields()) out += fmt::format("\"{}\", ", row.name);
  out.resize(out.size() - 2);
  return out;
}

base::Result<model::RecordedEvent> read_event(const Rows& row) {
  model::RecordedEvent out;
  out.provenance.organisation = TRY(model::OrganisationId::parse(row.text(kOrganisation)));
  out.provenance.system = TRY(model::SystemId::parse(row.text(kSystem)));
  out.provenance.host = TRY(model::HostId::parse(row.text(kHost)));
  out.provenance.host_name = row.text(kHostLabel);
  out.provenance.received_time = row.time(kReceivedTime);
  out.provenance.entry = {std::string(row.text(kLog)), row.number(kEntry)};
  out.event.id = {TRY(model::SensorId::parse(row.text(kSensor))), row.number(kEpoch), row.number(kSequence)};
  const auto kind = model::kind_named(row.text(kKind));
  if (!kind)
    return base::fail(base::Errc::corrupt, fmt::format("the store holds an event of kind '{}'", row.text(kKind)));
  out.event.kind = *kind;
  out.event.source_time = row.time(kSourceTime);
  out.event.observed_time = row.time(kObservedTime);
  idx_t column = kFirstField;
  for (const model::FieldRow& field : model::all_fields()) {
    const idx_t at = column++;
    if (row.is_null(at)) continue;
    switch (field.type) {
      case model::FieldType::number: out.event.fields.emplace_back(field.field, row.number(at)); break;
      case model::FieldType::boolean:
        out.event.fields.emplace_back(field.field, std::uint64_t{row.boolean(at) ? 1U : 0U});
        break;
      case model::FieldType::time:
        out.event.fields.emplace_back(field.field, static_cast<std::uint64_t>(row.integer(at)));
        break;
      case model::FieldType::texts:
      case model::FieldType::paths: out.event.fields.emplace_back(field.field, row.list(at)); break;
      default: out.event.fields.emplace_back(field.field, std::string(row.text(at))); break;
    }
  }
  return out;
}

base::Status insert_findings(Connection& connection, const std::vector<model::Finding>& findings) {
  if (findings.empty()) return {};
  Statement insert = TRY(connection.prepare("INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  for (const model::Finding& finding : findings) {
    insert.text(finding.id.text()).text(finding.organisation.text()).text(finding.host.text());
    insert.number(static_cast<std::uint64_t>(finding.rule.level)).text(base::to_utf8_lossy(finding.rule.id));
    insert.text(base::to_utf8_lossy(finding.process_guid)).time(finding.source_time).time(finding.received_time);
    insert.text(model::to_json(finding));
    TRY_VOID(insert.run());
  }
  return {};
}

base::Status replace_indicators(Connection& connection, const std::vector<model::Indicator>& indicators) {
  if (indicators.empty()) return {};
  Statement remove = TRY(connection.prepare("DELETE FROM indicators WHERE id = ?"));
  Statement insert = TRY(connection.prepare("INSERT INTO indicators VALUES (?, ?, ?, ?, ?, ?, ?, ?)"));
  std::set<model::IndicatorId> done;
  for (auto indicator = indicators.rbegin(); indicator != indicators.rend(); ++indicator) {  // the last of an id counts
    if (!done.insert(indicator->id).second) continue;
    TRY_VOID(remove.text(indicator->id.text()).run());
    insert.text(indicator->id.text()).text(indicator->organisation.text()).text(model::name_of(indicator->type));
    insert.text(model::name_of(indicator->state)).text(indicator->value).time(indicator->created);
    if (indicator->published) insert.time(*indicator->published);
    else insert.null();
    TRY_VOID(insert.text(model::to_json(*indicator)).run());
  }
  return {};
}

base::Status replace_hosts(Connection& connection, const std::map<std::string, Host>& hosts) {
  if (hosts.empty()) return {};
  Statement remove = TRY(connection.prepare("DELETE FROM hosts WHERE organisation = ? AND sensor = ?"));
  Statement insert = TRY(connection.prepare("INSERT INTO hosts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  for (const auto& [key, host] : hosts) {
    TRY_VOID(remove.text(host.organisation.text()).text(host.sensor.text()).run());
    insert.text(host.organisation.text()).text(host.system.text()).text(host.host.text()).text(host.sensor.text());
    insert.text(host.host_name)
        .text(host.operating_system)
        .text(host.kernel)
        .text(host.sensor_version)
        .texts(host.hooks);
    insert.time(host.first_seen).time(host.last_seen).number(host.events).number(host.findings).number(host.lost);
    TRY_VOID(insert.run());
  }
  return {};
}

std::string host_columns() {
  return "organisation, system, host, sensor, host_name, operating_system, kernel, sensor_version, hooks, first_seen, "
         "last_seen, "
         "events, findings, lost";
}

base::Result<Host> read_host(const Rows& row) {
  Host out;
  out.organisation = TRY(model::OrganisationId::parse(row.text(0)));
  out.system = TRY(model::SystemId::parse(row.text(1)));
  out.host = TRY(model::HostId::parse(row.text(2)));
  out.sensor = TRY(model::SensorId::parse(row.text(3)));
  out.host_name = row.text(4);
  out.operating_system = row.text(5);
  out.kernel = row.text(6);
  out.sensor_version = row.text(7);
  out.hooks = row.list(8);
  out.first_seen = row.time(9);
  out.last_seen = row.time(10);
  out.events = row.number(11);
  out.findings = row.number(12);
  out.lost = row.number(13);
  return out;
}

}  // namespace hinomi::store::inside
