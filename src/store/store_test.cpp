#include <hinomi/store/store.hpp>

#include <hinomi/store/inside/duck.hpp>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

namespace hinomi::store {
namespace {

using model::EventKind;
using model::Field;

class Folder {
 public:
  Folder() {
    std::string name = (base::fs::temp_directory_path() / "hinomi-store-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Folder() { base::fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  base::fs::path path;
};

model::OrganisationId organisation(std::string_view name) { return model::OrganisationId::parse(name).value(); }
model::SensorId sensor(unsigned number) {
  model::SensorId out;
  out.uuid.octets[0] = static_cast<std::uint8_t>(number);
  out.uuid.octets[15] = 7;
  return out;
}
std::string log_of(std::string_view name) { return fmt::format("test/evidence/{}", name); }

constexpr std::int64_t kStart = 1'700'000'000'000'000'000;

model::RecordedEvent event(std::string_view owner, unsigned from, std::uint64_t sequence, std::uint64_t entry) {
  model::RecordedEvent out;
  out.event.kind = EventKind::process_start;
  out.event.id = {sensor(from), 42, sequence};
  out.event.source_time = {kStart + static_cast<std::int64_t>(sequence) * 1000};
  out.event.observed_time = {kStart + static_cast<std::int64_t>(sequence) * 1000 + 5};
  out.event.set(Field::process_guid, std::string_view(fmt::format("guid-{}-{}", from, sequence)));
  out.event.set(Field::process_executable, "/usr/bin/Curl");
  out.event.set(Field::process_arguments, std::string_view("curl\0-s\0\xff\0", 10));
  out.provenance.organisation = organisation(owner);
  out.provenance.system = model::SystemId::parse("staff-pcs").value();
  out.provenance.host.uuid.octets[3] = static_cast<std::uint8_t>(from);
  out.provenance.host_name = "pc" + std::to_string(from);
  out.provenance.received_time = {kStart + 1'000'000 + static_cast<std::int64_t>(entry) * 100};
  out.provenance.entry = {log_of(owner), entry};
  return out;
}

model::Finding finding(const model::RecordedEvent& of) {
  model::Finding out;
  out.rule.id = "5f1abf38-0000-0000-0000-000000000001";
  out.rule.title = "test";
  out.rule.level = model::Level::high;
  out.engine = "1";
  out.organisation = of.provenance.organisation;
  out.system = of.provenance.system;
  out.host = of.provenance.host;
  out.host_name = of.provenance.host_name;
  out.source_time = of.event.source_time;
  out.received_time = of.provenance.received_time;
  out.process_guid = of.event.bytes(Field::process_guid);
  out.evidence = {{of.provenance.entry, of.event.id}};
  out.id = model::make_finding_id(out.rule, out.evidence);
  return out;
}

model::Indicator indicator(std::string_view owner, std::string value, std::int64_t created) {
  model::Indicator out;
  out.type = model::IndicatorType::ipv4;
  out.value = std::move(value);
  out.pattern = model::make_pattern(out.type, out.value);
  out.producer = "test";
  out.organisation = organisation(owner);
  out.created = out.modified = out.valid_from = {kStart + created};
  out.id = model::make_indicator_id(out.producer, out.organisation.text(), out.type, out.value);
  return out;
}

std::unique_ptr<Store> open_store(const base::fs::path& folder) {
  auto store = Store::open(folder, {.memory_mebibytes = 128, .threads = 1});
  EXPECT_TRUE(store) << store.error().what;
  return std::move(*store);
}

Rows some_rows(std::string_view owner, unsigned from, std::uint64_t first, std::uint64_t count, std::uint64_t entry) {
  Rows rows;
  for (std::uint64_t i = 0; i < count; ++i) rows.events.push_back(event(owner, from, first + i, entry));
  return rows;
}

void write(Store& store, const Rows& rows, std::string_view owner, std::uint64_t next) {
  const auto stands = store.corridor(log_of(owner)).value();
  const auto status = store.write(rows, stands ? stands->next : 0, {log_of(owner), next, "detector\0state", "judge"});
  ASSERT_TRUE(status) << status.error().what;
}

TEST(Store, gives_back_every_field_of_the_catalogue_as_it_was_written) {
  const Folder folder;
  const auto store = open_store(folder.path);
  Rows rows;
  for (const model::KindRow& kind : model::all_kinds()) {
    auto one = event("city", 1, static_cast<std::uint64_t>(kind.kind) * 10, 3);
    one.event.kind = kind.kind;
    one.event.fields.clear();
    for (const model::FieldRow& row : model::all_fields()) {
      switch (row.type) {
        case model::FieldType::number: one.event.set(row.field, ~std::uint64_t{0} - 3); break;
        case model::FieldType::boolean: one.event.set(row.field, std::uint64_t{1}); break;
        case model::FieldType::time: one.event.set(row.field, base::Time{-5}); break;
        case model::FieldType::text: one.event.set(row.field, std::string_view("火の見 \0 'x'", 15)); break;
        case model::FieldType::path:
        case model::FieldType::arguments: one.event.set(row.field, std::string_view("/tmp/\xff\0\xfe", 8)); break;
        case model::FieldType::digest: one.event.set(row.field, base::sha256(row.name)); break;
        case model::FieldType::address: one.event.set(row.field, base::IpAddress::parse("2001:db8::1").value()); break;
        case model::FieldType::texts:
          one.event.set(row.field, model::FieldValue(std::vector<std::string>{"a", "日本"}));
          break;
        case model::FieldType::paths:
          one.event.set(row.field, model::FieldValue(std::vector<std::string>{"\xff", std::string(300, 'p')}));
          break;
      }
    }
    rows.events.push_back(one);
  }
  auto bare = event("city", 1, 999, 3);
  bare.event.fields.clear();
  rows.events.push_back(bare);
  write(*store, rows, "city", 4);
  for (const model::RecordedEvent& wanted : rows.events) {
    const auto got = store->events_by_id(Scope::everything(), {wanted.event.id});
    ASSERT_TRUE(got) << got.error().what;
    ASSERT_EQ(got->size(), 1U);
    EXPECT_EQ(got->front().event, wanted.event);
    EXPECT_EQ(model::to_json(got->front()), model::to_json(wanted));
  }
}

TEST(Store, keeps_rows_and_place_when_opened_again) {
  const Folder folder;
  {
    const auto store = open_store(folder.path);
    EXPECT_FALSE(store->corridor(log_of("city")).value());
    Rows rows = some_rows("city", 1, 1, 5000, 7);
    rows.findings = {finding(rows.events.front())};
    rows.indicators = {indicator("city", "192.0.2.1", 1)};
    write(*store, rows, "city", 8);
  }
  const auto store = open_store(folder.path);
  EXPECT_EQ(store->notice(), "");
  const auto point = store->corridor(log_of("city")).value();
  ASSERT_TRUE(point);
  EXPECT_EQ(point->next, 8U);
  EXPECT_EQ(point->judge, "judge");
  write(*store, some_rows("city", 1, 5001, 10, 8), "city", 9);
  const auto counts = store->counts(Scope::everything()).value();
  EXPECT_EQ(counts.events, 5010U);
  EXPECT_EQ(counts.findings, 1U);
  EXPECT_EQ(counts.indicators, 1U);
  const auto hosts = store->hosts(Scope::everything(), std::nullopt).value();
  ASSERT_EQ(hosts.size(), 1U);
  EXPECT_EQ(hosts[0].events, 5010U);
  EXPECT_EQ(hosts[0].findings, 1U);
  EXPECT_LT(hosts[0].first_seen, hosts[0].last_seen);
}

TEST(Store, refuses_a_second_opener) {
  const Folder folder;
  const auto store = open_store(folder.path);
  const auto second = Store::open(folder.path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::Errc::conflict);
}

TEST(Store, writes_rows_and_place_together_or_not_at_all_under_kill) {
  constexpr std::uint64_t kEvents = 300;
  const Folder folder;
  std::uint64_t acknowledged = 0;
  for (unsigned round = 0; round < 12; ++round) {
    int channel[2];
    ASSERT_EQ(pipe(channel), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = Store::open(folder.path, {.memory_mebibytes = 128, .threads = 1});
      if (!store) _exit(3);
      const auto point = (*store)->corridor(log_of("city"));
      std::uint64_t next = point && *point ? (*point)->next : 0;
      while (true) {
        Rows rows = some_rows("city", 1, next * kEvents + 1, kEvents, next);
        rows.findings = {finding(rows.events.front())};
        rows.indicators = {indicator("city", "192.0.2.1", static_cast<std::int64_t>(next))};
        if (!(*store)->write(rows, next, {log_of("city"), next + 1, "", ""})) _exit(4);
        ++next;
        if (::write(channel[1], &next, sizeof next) != sizeof next) _exit(5);
      }
    }
    close(channel[1]);
    for (unsigned i = 0; i <= round % 5; ++i)
      ASSERT_EQ(read(channel[0], &acknowledged, sizeof acknowledged), ssize_t{sizeof acknowledged});
    kill(child, SIGKILL);  // while it writes the next one
    int status = 0;
    waitpid(child, &status, 0);
    while (read(channel[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
    }
    close(channel[0]);
    ASSERT_TRUE(WIFSIGNALED(status));

    const auto store = open_store(folder.path);
    ASSERT_EQ(store->notice(), "");
    const auto point = store->corridor(log_of("city")).value();
    ASSERT_TRUE(point);
    EXPECT_GE(point->next, acknowledged);
    const auto counts = store->counts(Scope::everything()).value();
    EXPECT_EQ(counts.events, point->next * kEvents);
    EXPECT_EQ(counts.findings, point->next);
    EXPECT_EQ(counts.indicators, 1U);
    EXPECT_EQ(store->events_since(Scope::everything(), {0}).value(), point->next * kEvents);
  }
}

TEST(Store, writes_nothing_twice) {
  const Folder folder;
  const auto store = open_store(folder.path);
  const Rows rows = some_rows("city", 1, 1, 10, 0);
  ASSERT_TRUE(store->write(rows, 0, {log_of("city"), 1, "", ""}));
  EXPECT_EQ(store->write(rows, 0, {log_of("city"), 1, "", ""}).error().code, base::Errc::conflict);
  EXPECT_EQ(store->write(rows, 2, {log_of("city"), 3, "", ""}).error().code, base::Errc::conflict);
  EXPECT_EQ(store->counts(Scope::everything()).value().events, 10U);
}

TEST(Store, throws_away_another_layout_and_says_so) {
  const Folder folder;
  {
    write(*open_store(folder.path), some_rows("city", 1, 1, 3, 0), "city", 1);
  }
  {
    const auto database = inside::Database::open(folder.path / "hinomi.duckdb", 128, 1).value();
    auto connection = database->connect().value();
    ASSERT_TRUE(connection.run("UPDATE layout SET version = 'another'"));
  }
  const auto store = open_store(folder.path);
  EXPECT_NE(store->notice().find("another layout"), std::string::npos);
  EXPECT_FALSE(store->corridor(log_of("city")).value());
  EXPECT_EQ(store->counts(Scope::everything()).value().events, 0U);
  write(*store, some_rows("city", 1, 1, 3, 0), "city", 1);
}

TEST(Store, moves_a_damaged_file_aside_and_says_so) {
  const Folder folder;
  {
    write(*open_store(folder.path), some_rows("city", 1, 1, 3000, 0), "city", 1);
  }
  {
    std::fstream file(folder.path / "hinomi.duckdb", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(0);
    const std::string garbage(12288, 'x');  // the headers
    file.write(garbage.data(), static_cast<std::streamsize>(garbage.size()));
  }
  const auto store = open_store(folder.path);
  EXPECT_NE(store->notice().find("damaged"), std::string::npos);
  EXPECT_TRUE(base::fs::exists(folder.path / "hinomi.duckdb.damaged"));
  EXPECT_FALSE(store->corridor(log_of("city")).value());
  write(*store, some_rows("city", 1, 1, 3, 0), "city", 1);
}

TEST(Store, gives_no_organisation_a_row_of_another) {
  const Folder folder;
  const auto store = open_store(folder.path);
  const std::vector<std::string> names{"city", "hospital", "ministry"};
  std::vector<Rows> all;
  for (unsigned i = 0; i < names.size(); ++i) {
    Rows rows = some_rows(names[i], i + 1, 1, 20, 5);
    rows.findings = {finding(rows.events[0]), finding(rows.events[1])};
    rows.indicators = {indicator(names[i], "192.0.2.1", i)};
    rows.indicators[0].state = model::IndicatorState::published;
    rows.indicators[0].published = base::Time{kStart};
    write(*store, rows, names[i], 6);
    all.push_back(std::move(rows));
  }
  for (std::size_t asker = 0; asker < names.size(); ++asker) {
    const Scope scope = Scope::of({organisation(names[asker])});
    for (std::size_t owner = 0; owner < names.size(); ++owner) {
      const auto of = organisation(names[owner]);
      const bool own = asker == owner;
      SCOPED_TRACE(names[asker] + " asks for what belongs to " + names[owner]);
      EXPECT_EQ(store->events(scope, {.organisation = of}).value().items.size(), own ? 20U : 0U);
      EXPECT_EQ(store->events(scope, {.organisation = of, .order = EventOrder::arrival}).value().items.size(),
                own ? 20U : 0U);
      EXPECT_EQ(store->events(scope, {.host = all[owner].events[0].provenance.host}).value().items.size(),
                own ? 20U : 0U);
      EXPECT_EQ(store->events(scope, {.process_guids = {fmt::format("guid-{}-1", owner + 1)}}).value().items.size(),
                own ? 1U : 0U);
      EXPECT_EQ(store->events_by_id(scope, {all[owner].events[3].event.id}).value().size(), own ? 1U : 0U);
      EXPECT_EQ(store->findings(scope, {.organisation = of}).value().items.size(), own ? 2U : 0U);
      EXPECT_EQ(store->finding(scope, all[owner].findings[0].id).has_value(), own);
      EXPECT_EQ(store->indicators(scope, {.organisation = of}).value().items.size(), own ? 1U : 0U);
      EXPECT_EQ(store->indicator(scope, all[owner].indicators[0].id).has_value(), own);
      EXPECT_EQ(store->hosts(scope, of).value().size(), own ? 1U : 0U);
    }
    for (const auto& one : store->events(scope, {}).value().items)
      EXPECT_EQ(one.provenance.organisation.text(), names[asker]);
    EXPECT_EQ(store->events(scope, {.text = "curl"}).value().items.size(), 20U);
    EXPECT_EQ(store->findings(scope, {}).value().items.size(), 2U);
    EXPECT_EQ(store->indicators(scope, {}).value().items.size(), 1U);
    EXPECT_EQ(store->indicators(scope, {.order = IndicatorOrder::by_publication}).value().items.size(), 1U);
    EXPECT_EQ(store->hosts(scope, std::nullopt).value().size(), 1U);
    EXPECT_EQ(store->counts(scope).value().events, 20U);
    EXPECT_EQ(store->counts(scope).value().findings, 2U);
    EXPECT_EQ(store->events_since(scope, {0}).value(), 20U);
    // A cursor of somebody else opens nothing.
    const auto foreign = store->events(Scope::everything(), {.limit = 1}).value().next;
    for (const auto& one : store->events(scope, {.cursor = foreign}).value().items)
      EXPECT_EQ(one.provenance.organisation.text(), names[asker]);
  }
  EXPECT_EQ(store->events(Scope::of({}), {}).value().items.size(), 0U);
  EXPECT_EQ(store->counts(Scope::of({})).value().findings, 0U);
  EXPECT_EQ(store->events(Scope::everything(), {}).value().items.size(), 60U);
}

TEST(Store, pages_give_every_row_once) {
  const Folder folder;
  const auto store = open_store(folder.path);
  std::uint64_t sequence = 1;
  for (std::uint64_t entry = 0; entry < 7; ++entry, sequence += 13) {
    Rows rows = some_rows("city", 1, sequence, 13, entry);
    for (const auto& one : rows.events) rows.findings.push_back(finding(one));
    for (unsigned i = 0; i < 5; ++i) {
      rows.indicators.push_back(
          indicator("city", fmt::format("192.0.2.{}", entry * 5 + i), static_cast<std::int64_t>(entry)));
      rows.indicators.back().published = base::Time{kStart + static_cast<std::int64_t>(i)};
      rows.indicators.back().state = model::IndicatorState::published;
    }
    write(*store, rows, "city", entry + 1);
  }
  std::set<model::EventId> seen;
  base::Time before{INT64_MAX};
  EventQuery query{.limit = 10};
  do {
    const auto page = store->events(Scope::everything(), query).value();
    for (const auto& one : page.items) {
      EXPECT_TRUE(seen.insert(one.event.id).second);
      EXPECT_LE(one.provenance.received_time, before);
      before = one.provenance.received_time;
    }
    query.cursor = page.next;
  } while (!query.cursor.empty());
  EXPECT_EQ(seen.size(), 91U);

  std::set<model::FindingId> findings;
  FindingQuery ask{.limit = 9};
  do {
    const auto page = store->findings(Scope::everything(), ask).value();
    for (const auto& one : page.items) EXPECT_TRUE(findings.insert(one.id).second);
    ask.cursor = page.next;
  } while (!ask.cursor.empty());
  EXPECT_EQ(findings.size(), 91U);

  for (const auto order : {IndicatorOrder::newest_first, IndicatorOrder::by_publication}) {
    std::set<model::IndicatorId> indicators;
    IndicatorQuery look{.order = order, .limit = 4};
    do {
      const auto page = store->indicators(Scope::everything(), look).value();
      for (const auto& one : page.items) EXPECT_TRUE(indicators.insert(one.id).second);
      look.cursor = page.next;
    } while (!look.cursor.empty());
    EXPECT_EQ(indicators.size(), 35U);
  }
}

TEST(Store, arrival_order_follows_what_is_written_later) {
  const Folder folder;
  const auto store = open_store(folder.path);
  write(*store, some_rows("city", 1, 1, 5, 0), "city", 1);
  EventQuery query{.order = EventOrder::arrival, .limit = 3};
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 3; ++i) {
    const auto page = store->events(Scope::everything(), query).value();
    sizes.push_back(page.items.size());
    query.cursor = page.next;
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 2, 0}));
  write(*store, some_rows("hospital", 2, 1, 2, 0), "hospital", 1);
  EXPECT_EQ(store->events(Scope::everything(), query).value().items.size(), 2U);
  query.cursor = "a.another-building.1";
  EXPECT_EQ(store->events(Scope::everything(), query).value().items.size(), 0U);
}

TEST(Store, filters_do_what_they_say) {
  const Folder folder;
  const auto store = open_store(folder.path);
  Rows rows = some_rows("city", 1, 1, 10, 0);
  rows.events[4].event.kind = EventKind::network_connect;
  rows.events[4].event.set(Field::destination_address, base::IpAddress::parse("192.0.2.99").value());
  rows.findings = {finding(rows.events[0])};
  rows.findings[0].rule.level = model::Level::low;
  rows.indicators = {indicator("city", "192.0.2.1", 0)};
  write(*store, rows, "city", 1);
  const Scope all = Scope::everything();
  EXPECT_EQ(store->events(all, {.kind = EventKind::network_connect}).value().items.size(), 1U);
  EXPECT_EQ(store->events(all, {.text = "192.0.2.99"}).value().items.size(), 1U);
  EXPECT_EQ(store->events(all, {.text = "CURL -S"}).value().items.size(), 10U);
  EXPECT_EQ(store->events(all, {.text = "%"}).value().items.size(), 0U);
  EXPECT_EQ(store->events(all, {.text = "' OR 1=1 --"}).value().items.size(), 0U);
  EXPECT_EQ(store->events(all, {.since = rows.events[7].event.source_time}).value().items.size(), 3U);
  EXPECT_EQ(store->events(all, {.until = rows.events[7].event.source_time}).value().items.size(), 7U);
  EXPECT_EQ(store->findings(all, {.minimum_level = model::Level::medium}).value().items.size(), 0U);
  EXPECT_EQ(store->findings(all, {.minimum_level = model::Level::low}).value().items.size(), 1U);
  EXPECT_EQ(store->findings(all, {.rule = rows.findings[0].rule.id}).value().items.size(), 1U);
  EXPECT_EQ(store->indicators(all, {.state = model::IndicatorState::published}).value().items.size(), 0U);
  EXPECT_EQ(store->indicators(all, {.state = model::IndicatorState::candidate}).value().items.size(), 1U);
  EXPECT_EQ(store->events(all, {.limit = 0}).error().code, base::Errc::invalid_argument);
  EXPECT_EQ(store->events(all, {.limit = kMaxLimit + 1}).error().code, base::Errc::invalid_argument);
  EXPECT_EQ(store->events(all, {.cursor = "r.1.2"}).error().code, base::Errc::invalid_argument);
  EXPECT_EQ(store->events(all, {.cursor = "r.x.city.2"}).error().code, base::Errc::invalid_argument);
  EXPECT_EQ(store->findings(all, {.cursor = "nonsense"}).error().code, base::Errc::invalid_argument);
}

TEST(Store, an_indicator_written_again_replaces_the_former_one) {
  const Folder folder;
  const auto store = open_store(folder.path);
  Rows rows;
  rows.indicators = {indicator("city", "192.0.2.1", 0)};
  write(*store, rows, "city", 1);
  rows.indicators.push_back(rows.indicators[0]);
  rows.indicators[1].state = model::IndicatorState::held;
  rows.indicators[1].reason = "private";
  write(*store, rows, "city", 2);
  const auto page = store->indicators(Scope::everything(), {}).value();
  ASSERT_EQ(page.items.size(), 1U);
  EXPECT_EQ(page.items[0], rows.indicators[1]);
}

std::vector<std::string> all_of(base::Result<std::unique_ptr<Snapshot::Stream>> stream) {
  std::vector<std::string> out;
  while (auto text = (*stream)->next().value()) out.push_back(*text);
  return out;
}

TEST(Store, a_snapshot_does_not_move) {
  const Folder folder;
  const auto store = open_store(folder.path);
  Rows rows = some_rows("city", 1, 1, 3000, 0);
  rows.findings = {finding(rows.events[2])};
  rows.indicators = {indicator("city", "192.0.2.1", 0)};
  write(*store, rows, "city", 1);
  write(*store, some_rows("hospital", 2, 1, 10, 0), "hospital", 1);
  const auto snapshot = store->snapshot(organisation("city"), log_of("city")).value();
  write(*store, some_rows("city", 1, 3001, 10, 1), "city", 2);
  EXPECT_EQ(snapshot->next_entry(), 1U);
  const auto events = all_of(snapshot->events());
  ASSERT_EQ(events.size(), 3000U);
  for (std::size_t i = 0; i < events.size(); ++i) ASSERT_EQ(events[i], model::to_json(rows.events[i]));
  EXPECT_EQ(all_of(snapshot->findings()), std::vector{model::to_json(rows.findings[0])});
  EXPECT_EQ(all_of(snapshot->indicators()), std::vector{model::to_json(rows.indicators[0])});
}

TEST(Store, survives_a_full_disk) {
  const Folder folder;
  if (mount("tmpfs", folder.path.c_str(), "tmpfs", 0, "size=24m") != 0)
    GTEST_SKIP() << "skipped: a small tmpfs cannot be mounted here";
  struct Unmount {
    base::fs::path path;
    ~Unmount() { umount2(path.c_str(), MNT_DETACH); }
  } unmount{folder.path};
  std::uint64_t kept = 0;
  {
    const auto store = open_store(folder.path / "store");
    ASSERT_TRUE(base::write_file(folder.path / "filler", std::string(12U << 20, 'x')));
    std::uint64_t next = 0;
    base::Status status;
    base::SystemRandom random;
    const auto rows_for = [&](std::uint64_t entry) {
      Rows rows = some_rows("city", 1, entry * 2000 + 1, 2000, entry);
      for (auto& one : rows.events) one.event.set(Field::process_arguments, std::string_view(random.bytes(600)));
      return rows;
    };
    while (next < 60) {
      status = store->write(rows_for(next), next, {log_of("city"), next + 1, "", ""});
      if (!status) break;
      ++next;
    }
    ASSERT_FALSE(status);
    EXPECT_TRUE(status.error().code == base::Errc::full || status.error().code == base::Errc::corrupt)
        << status.error().what;
    base::fs::remove(folder.path / "filler");
    // Goes on from the last commit, with the same rows.
    status = store->write(rows_for(next), next, {log_of("city"), next + 1, "", ""});
    ASSERT_TRUE(status) << status.error().what;
    const auto point = store->corridor(log_of("city")).value();
    ASSERT_TRUE(point) << store->notice();
    EXPECT_EQ(point->next, next + 1);
    EXPECT_EQ(store->events_since(Scope::everything(), {0}).value(), (next + 1) * 2000);
    EXPECT_EQ(store->counts(Scope::everything()).value().events, (next + 1) * 2000);
    kept = next + 1;
  }
  const auto store = open_store(folder.path / "store");
  EXPECT_EQ(store->notice(), "");
  EXPECT_EQ(store->corridor(log_of("city")).value()->next, kept);
  EXPECT_EQ(store->events_since(Scope::everything(), {0}).value(), kept * 2000);
}

}  // namespace
}  // namespace hinomi::store
