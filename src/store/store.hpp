// Tables derived from the evidence logs: events, findings, indicators, hosts, and how far each log has been read.
// Owns:    the database file and its folder.
// Threads: any thread may call anything; writes take turns, reads see the last committed write.
// Fails:   Errc::io, Errc::full, Errc::invalid_argument (a cursor or limit), Errc::not_found. Loses: nothing that
// replay does not
//          bring back.
#pragma once

#include <hinomi/base/file.hpp>
#include <hinomi/base/mutex.hpp>
#include <hinomi/model/finding.hpp>
#include <hinomi/model/indicator.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hinomi::store {

namespace inside {
class Database;
}

struct Options {
  unsigned memory_mebibytes = 512;
  unsigned threads = 2;
};

// What one stretch of a log led to. All of it is written, or none.
struct Rows {
  std::vector<model::RecordedEvent> events;
  std::vector<model::Finding> findings;
  std::vector<model::Indicator> indicators;  // whole, as they now are; the last of an id counts
};

// How far the corridor has read a log, and what it has to remember from there on.
struct CorridorPoint {
  std::string log;         // origin
  std::uint64_t next = 0;  // index of the first entry that has not been read
  std::string detector;    // opaque states
  std::string judge;
};

// Whose rows an answer may hold. There is no default: each query names it.
class Scope {
 public:
  static Scope everything() { return Scope(true, {}); }
  static Scope of(std::vector<model::OrganisationId> organisations) { return Scope(false, std::move(organisations)); }
  [[nodiscard]] bool is_everything() const { return everything_; }
  [[nodiscard]] const std::vector<model::OrganisationId>& organisations() const { return organisations_; }

 private:
  Scope(bool everything, std::vector<model::OrganisationId> organisations)
      : everything_(everything), organisations_(std::move(organisations)) {}
  bool everything_;
  std::vector<model::OrganisationId> organisations_;
};

// The most rows a page may hold.
inline constexpr unsigned kMaxLimit = 1000;

template <class T>
struct Page {
  std::vector<T> items;
  std::string next;  // cursor; empty at the end (but for arrival order, which has no end)
};

enum class EventOrder : std::uint8_t {
  newest_first,  // by received time
  arrival,       // as written, oldest first: to follow what comes in
};

struct EventQuery {
  std::optional<model::OrganisationId> organisation;
  std::optional<model::HostId> host;
  std::optional<model::EventKind> kind;
  std::vector<std::string> process_guids;  // any of these
  std::vector<std::string> parent_guids;   // any of these
  std::optional<base::Time> since, until;  // source time: since <= t < until
  std::string text;  // substring of paths, arguments, users, addresses, digests; ASCII case does not count
  EventOrder order = EventOrder::newest_first;
  std::string cursor;
  unsigned limit = 100;
};

struct FindingQuery {
  std::optional<model::OrganisationId> organisation;
  std::optional<model::HostId> host;
  std::optional<model::Level> minimum_level;
  std::string rule;  // id
  std::string process_guid;
  std::optional<base::Time> since, until;  // source time
  std::string cursor;
  unsigned limit = 100;
};

enum class IndicatorOrder : std::uint8_t {
  newest_first,    // by creation
  by_publication,  // published ones alone, oldest publication first
};

struct IndicatorQuery {
  std::optional<model::OrganisationId> organisation;
  std::optional<model::IndicatorState> state;
  std::optional<model::IndicatorType> type;
  std::string value;
  std::optional<base::Time> published_after;  // strictly
  IndicatorOrder order = IndicatorOrder::newest_first;
  std::string cursor;
  unsigned limit = 100;
};

// A machine as its events describe it; one row a sensor.
struct Host {
  model::OrganisationId organisation;
  model::SystemId system;
  model::HostId host;
  model::SensorId sensor;
  std::string host_name;
  std::string operating_system;
  std::string kernel;
  std::string sensor_version;
  std::vector<std::string> hooks;
  base::Time first_seen;  // received time
  base::Time last_seen;
  std::uint64_t events = 0;
  std::uint64_t findings = 0;
  std::uint64_t lost = 0;  // events that the sensor says it lost
  bool operator==(const Host&) const = default;
};
std::string to_json(const Host& host);  // keys in a fixed order

struct Counts {
  std::uint64_t events = 0, findings = 0, indicators = 0, hosts = 0;
};

// Everything about one log at one committed place, however long the reading takes. Texts are canonical JSON, in an
// order that only depends on the rows: two stores that were derived from the same entries give the same sequence of
// texts.
class Snapshot {
 public:
  class Stream {
   public:
    virtual ~Stream() = default;
    // The next text; nothing at the end.
    virtual base::Result<std::optional<std::string>> next() = 0;
  };
  virtual ~Snapshot() = default;
  [[nodiscard]] virtual std::uint64_t next_entry() const = 0;  // 0 if the log was never read
  // One stream at a time.
  virtual base::Result<std::unique_ptr<Stream>> events() = 0;
  virtual base::Result<std::unique_ptr<Stream>> findings() = 0;
  virtual base::Result<std::unique_ptr<Stream>> indicators() = 0;
};

class Store {
 public:
  // Opens or creates. A file of another layout is removed; a damaged one is moved aside: notice() says so, and every
  // log has to be read from its start.
  static base::Result<std::unique_ptr<Store>> open(const base::fs::path& folder, Options options = {});
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] const std::string& notice() const { return notice_; }  // empty if there is nothing to say

  // One transaction: the rows and the new place in the log, or nothing. `from`: the place that the rows begin at; conflict if the
  // tables stand elsewhere, so that rows are never written twice, whatever is tried again.
  base::Status write(const Rows& rows, std::uint64_t from, const CorridorPoint& point);
  // The committed place; nothing if this log was never read.
  base::Result<std::optional<CorridorPoint>> corridor(const std::string& log) const;

  base::Result<Page<model::RecordedEvent>> events(const Scope& scope, const EventQuery& query) const;
  // Those that are there and may be seen, in the order asked for. At most kMaxLimit.
  base::Result<std::vector<model::RecordedEvent>> events_by_id(const Scope& scope,
                                                               const std::vector<model::EventId>& ids) const;
  base::Result<Page<model::Finding>> findings(const Scope& scope, const FindingQuery& query) const;
  base::Result<model::Finding> finding(const Scope& scope, const model::FindingId& id) const;  // not_found
  base::Result<Page<model::Indicator>> indicators(const Scope& scope, const IndicatorQuery& query) const;
  base::Result<model::Indicator> indicator(const Scope& scope, const model::IndicatorId& id) const;  // not_found
  base::Result<std::vector<Host>> hosts(const Scope& scope,
                                        const std::optional<model::OrganisationId>& organisation) const;
  base::Result<Counts> counts(const Scope& scope) const;
  // Events received since then.
  base::Result<std::uint64_t> events_since(const Scope& scope, base::Time received) const;

  base::Result<std::unique_ptr<Snapshot>> snapshot(const model::OrganisationId& organisation,
                                                   const std::string& log) const;

 private:
  Store(base::fs::path folder, Options options);
  base::Result<bool> open_file();
  base::Status open_database();
  base::Status load();
  base::Status write_rows(const Rows& rows, const CorridorPoint& point, std::map<std::string, Host>& changed,
                          std::uint64_t arrival) HINOMI_REQUIRES(writing_);
  [[nodiscard]] base::Result<std::shared_ptr<inside::Database>> database() const;
  base::Status open_again() HINOMI_REQUIRES(writing_);

  base::fs::path folder_;
  Options options_;
  std::string notice_;
  base::Descriptor lock_;
  std::string generation_;  // names this building of the tables; cursors in arrival order carry it
  mutable base::Mutex opening_;
  std::shared_ptr<inside::Database> database_ HINOMI_GUARDED_BY(opening_);
  bool broken_ HINOMI_GUARDED_BY(opening_) = false;  // to be opened again before anything else
  base::Mutex writing_;
  std::map<std::string, Host> hosts_ HINOMI_GUARDED_BY(writing_);  // by organisation and sensor: the table's rows
  std::atomic<std::uint64_t> arrived_{0};                          // arrival number of the last committed event
};

}  // namespace hinomi::store
