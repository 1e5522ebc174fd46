// Opening, writing, and what is read by name. Questions with filters are in query.cpp.
#include <hinomi/store/store.hpp>

#include <hinomi/base/escape.hpp>
#include <hinomi/base/random.hpp>
#include <hinomi/store/inside/tables.hpp>

#include <fmt/core.h>

#include <algorithm>

namespace hinomi::store {

using inside::Connection;
using inside::Database;

namespace {

constexpr std::string_view kFile = "hinomi.duckdb";

std::string key_of(const model::OrganisationId& organisation, const model::SensorId& sensor) {
  return organisation.text() + "/" + sensor.text();
}

using Hosts = std::map<std::string, Host>;

// The row as this write has it so far: from what is known if it was not touched yet.
Host& host_of(const Hosts& known, Hosts& changed, const model::OrganisationId& organisation,
              const model::SensorId& sensor) {
  const std::string key = key_of(organisation, sensor);
  if (const auto there = changed.find(key); there != changed.end()) return there->second;
  const auto before = known.find(key);
  return changed.emplace(key, before == known.end() ? Host{} : before->second).first->second;
}

// What one event adds to its machine's row.
void add_event(Host& host, const model::RecordedEvent& recorded) {
  using enum model::Field;
  const model::Event& event = recorded.event;
  const model::Provenance& from = recorded.provenance;
  if (host.events == 0) host.first_seen = from.received_time;
  host.organisation = from.organisation;
  host.system = from.system;
  host.host = from.host;
  host.sensor = event.id.sensor;
  host.host_name = base::to_utf8_lossy(from.host_name);
  host.last_seen = std::max(host.last_seen, from.received_time);
  ++host.events;
  if (event.kind == model::EventKind::loss) host.lost += event.number(loss_count).value_or(0);
  if (event.kind == model::EventKind::sensor_start) {
    host.sensor_version = event.bytes(sensor_version);
    host.operating_system = event.bytes(host_operating_system);
    host.kernel = event.bytes(host_kernel);
    host.hooks = event.list(sensor_hooks);
  }
}

}  // namespace

Store::Store(base::fs::path folder, Options options) : folder_(std::move(folder)), options_(options) {}

Store::~Store() {
  // Nothing is checkpointed when DuckDB closes (inside::Database::open): what a failed write left in memory must not
  // reach the file.
  const auto opened = database();
  if (!opened) return;
  auto connection = (*opened)->connect();
  if (connection) (void)connection->run("CHECKPOINT");  // else the next start replays DuckDB's own log
}

base::Result<std::unique_ptr<Store>> Store::open(const base::fs::path& folder, Options options) {
  TRY_VOID(base::make_folder(folder));
  std::unique_ptr<Store> store(new Store(folder, options));
  store->lock_ = TRY(base::lock_file(folder / "lock"));
  const base::fs::path file = folder / kFile;
  base::Status opened = store->open_database();
  if (!opened && opened.error().code != base::Errc::full) {
    // Moved aside, not removed: somebody may want to know what happened. Only the latest one is kept.
    std::error_code ignored;
    store->notice_ = fmt::format("{} could not be read ({}): moved to {}.damaged and built again from the logs",
                                 file.string(), opened.error().what, file.filename().string());
    for (const char* suffix : {"", ".wal"}) {
      const base::fs::path aside = file.string() + ".damaged" + suffix;
      base::fs::remove(aside, ignored);
      base::fs::rename(file.string() + suffix, aside, ignored);
    }
    opened = store->open_database();
  }
  if (!opened) return base::fail(opened.error().within("store"));
  return store;
}

// Opens the file, and makes the tables if it is new. False if the file has another layout.
base::Result<bool> Store::open_file() {
  const auto opened = TRY(Database::open(folder_ / kFile, options_.memory_mebibytes, options_.threads));
  Connection connection = TRY(opened->connect());
  std::uint64_t tables = 0;
  {
    auto rows = TRY(connection.query("SELECT count(*)::UBIGINT FROM duckdb_tables()"));
    if (TRY(rows.next())) tables = rows.number(0);
  }
  if (tables == 0) {
    TRY_VOID(connection.run("BEGIN"));
    for (const std::string& statement : inside::create_statements()) TRY_VOID(connection.run(statement));
    auto insert = TRY(connection.prepare("INSERT INTO layout VALUES (?, ?)"));
    TRY_VOID(insert.text(inside::layout_version()).text(base::to_hex(base::SystemRandom().bytes(8))).run());
    TRY_VOID(connection.run("COMMIT"));
  }
  auto statement = connection.prepare("SELECT version, generation FROM layout");
  if (!statement) return false;
  auto rows = TRY(statement->run());
  if (!TRY(rows.next()) || rows.text(0) != inside::layout_version()) return false;
  generation_ = rows.text(1);
  base::Lock lock(opening_);
  database_ = opened;
  return true;
}

base::Status Store::open_database() {
  if (TRY(open_file())) return load();
  std::error_code ignored;
  for (const char* suffix : {"", ".wal"}) base::fs::remove((folder_ / kFile).string() + suffix, ignored);
  notice_ = fmt::format("{} has another layout: removed and built again from the logs", (folder_ / kFile).string());
  if (TRY(open_file())) return load();
  return base::fail(base::Errc::internal, "the store made a file whose layout it does not know");
}

base::Status Store::load() {
  const auto opened = TRY(database());
  Connection connection = TRY(opened->connect());
  {
    auto rows = TRY(connection.query("SELECT coalesce(max(arrival), 0)::UBIGINT FROM events"));
    if (TRY(rows.next())) arrived_ = rows.number(0);
  }
  auto rows = TRY(connection.query(fmt::format("SELECT {} FROM hosts", inside::host_columns())));
  base::Lock lock(writing_);
  hosts_.clear();
  while (TRY(rows.next())) {
    Host host = TRY(inside::read_host(rows));
    hosts_.emplace(key_of(host.organisation, host.sensor), std::move(host));
  }
  return {};
}

base::Result<std::shared_ptr<Database>> Store::database() const {
  base::Lock lock(opening_);
  if (database_ == nullptr || broken_)
    return base::fail(base::Errc::unavailable, "the store is being opened again after a failed write");
  return database_;
}

// After a failed write (a full disk while committing) what DuckDB has in memory is not to be trusted: it may refuse
// everything, or have lost a row that the failed transaction had replaced. The file is right: opened anew it goes on
// from the last commit. The former one must be closed before, so whoever still reads it is waited for: until then
// nothing new is let in.
base::Status Store::open_again() {
  base::Lock lock(opening_);
  if (!broken_) return {};
  if (database_.use_count() > 1)
    return base::fail(base::Errc::unavailable, "the store waits for its readers before it is opened again");
  database_.reset();
  database_ = TRY(Database::open(folder_ / kFile, options_.memory_mebibytes, options_.threads));
  broken_ = false;
  return {};
}

base::Status Store::write_rows(const Rows& rows, const CorridorPoint& point, std::map<std::string, Host>& changed,
                               std::uint64_t arrival) {
  const auto opened = TRY(database());
  Connection connection = TRY(opened->connect());
  for (const model::RecordedEvent& event : rows.events)
    add_event(host_of(hosts_, changed, event.provenance.organisation, event.event.id.sensor), event);
  for (const model::Finding& finding : rows.findings)
    if (!finding.evidence.empty())
      ++host_of(hosts_, changed, finding.organisation, finding.evidence.back().event.sensor).findings;

  TRY_VOID(connection.run("BEGIN"));
  TRY_VOID(inside::append_events(connection, rows.events, arrival + 1));
  TRY_VOID(inside::insert_findings(connection, rows.findings));
  TRY_VOID(inside::replace_indicators(connection, rows.indicators));
  TRY_VOID(inside::replace_hosts(connection, changed));
  auto remove = TRY(connection.prepare("DELETE FROM corridor WHERE log = ?"));
  TRY_VOID(remove.text(point.log).run());
  auto insert = TRY(connection.prepare("INSERT INTO corridor VALUES (?, ?, ?, ?)"));
  TRY_VOID(insert.text(point.log).number(point.next).blob(point.detector).blob(point.judge).run());
  return connection.run("COMMIT");  // a connection that ends without it takes everything back
}

base::Status Store::write(const Rows& rows, std::uint64_t from, const CorridorPoint& point) {
  base::Lock lock(writing_);
  std::map<std::string, Host> changed;
  const std::uint64_t arrival = arrived_.load();
  TRY_VOID(open_again());
  const auto stands = TRY(corridor(point.log));
  if ((stands ? stands->next : 0) != from)
    return base::fail(base::Errc::conflict, fmt::format("store: {} has been read up to {}, not {}", point.log,
                                                        stands ? stands->next : 0, from));
  base::Status written = write_rows(rows, point, changed, arrival);
  if (!written) {
    base::Lock opening(opening_);
    broken_ = true;
    return base::fail(written.error().within("store"));
  }
  for (auto& [key, host] : changed) hosts_[key] = std::move(host);
  arrived_ = arrival + rows.events.size();
  return {};
}

base::Result<std::optional<CorridorPoint>> Store::corridor(const std::string& log) const {
  const auto opened = TRY(database());
  Connection connection = TRY(opened->connect());
  auto statement = TRY(connection.prepare("SELECT next, detector, judge FROM corridor WHERE log = ?"));
  auto rows = TRY(statement.text(log).run());
  if (!TRY(rows.next())) return std::optional<CorridorPoint>();
  return CorridorPoint{log, rows.number(0), std::string(rows.text(1)), std::string(rows.text(2))};
}

}  // namespace hinomi::store
