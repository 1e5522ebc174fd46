// Test support: a centre with two organisations' rows in a real store, and the services around it in memory.
// Owns:    a temporary folder. Threads: as the console needs.
#pragma once

#include <hinomi/console/console.hpp>

#include <fmt/format.h>

#include <map>
#include <set>

namespace hinomi::console::testing {

using model::EventKind;
using model::Field;

class HandClock final : public base::Clock {
 public:
  [[nodiscard]] base::Time now() const override { return time; }
  base::Time time = base::Time::parse_rfc3339("2026-11-21T08:00:00Z").value();
};

class Folder {
 public:
  Folder() {
    std::string name = (base::fs::temp_directory_path() / "hinomi-console-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    base::fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  base::fs::path path;
};

inline model::OrganisationId organisation(std::string_view name) { return model::OrganisationId::parse(name).value(); }

// Accounts and keys by name; a login token is good once.
class MemoryGate final : public Gate {
 public:
  [[nodiscard]] bool has_account() const override { return !accounts.empty(); }
  base::Result<access::Principal> redeem_login(std::string_view token) override {
    const auto found = tokens.find(std::string(token));
    if (found == tokens.end()) return base::fail(base::Errc::unauthenticated, "this login link is not good");
    const std::string account_name = found->second;
    tokens.erase(found);
    return account(account_name);
  }
  [[nodiscard]] base::Result<access::Principal> account(std::string_view name) const override {
    const auto found = accounts.find(std::string(name));
    if (found == accounts.end()) return base::fail(base::Errc::not_found, "closed");
    return found->second;
  }
  [[nodiscard]] base::Result<access::Principal> api_key(std::string_view key) const override {
    if (!key.starts_with("key-")) return base::fail(base::Errc::unauthenticated, "no such key");
    auto who = account(key.substr(4));
    if (!who) return base::fail(base::Errc::unauthenticated, "no such key");
    return who;
  }
  std::map<std::string, access::Principal> accounts{
      {"analyst", {.account = "analyst", .role = access::Role::analyst}},
      {"city", {.account = "city", .role = access::Role::csirt, .organisation = organisation("city-hall")}},
      {"clinic", {.account = "clinic", .role = access::Role::csirt, .organisation = organisation("hospital")}},
      {"isp", {.account = "isp", .role = access::Role::subscriber}},
  };
  std::map<std::string, std::string> tokens;
};

class MemoryLogs final : public Logs {
 public:
  static LogCheckpoint checkpoint_of(std::string_view name) {
    return {.origin = fmt::format("test/evidence/{}", name),
            .size = 5,
            .note = fmt::format("test/evidence/{}\n5\nx\n", name),
            .vkey = "vkey"};
  }
  [[nodiscard]] std::vector<LogSummary> list() const override {
    std::vector<LogSummary> out;
    for (const char* name : {"hospital", "city-hall", "centre"})
      out.push_back({.organisation = name, .origin = fmt::format("test/evidence/{}", name), .size = 5});
    return out;
  }
  [[nodiscard]] base::Result<LogCheckpoint> checkpoint(std::string_view name) const override {
    return checkpoint_of(name);
  }
  [[nodiscard]] base::Result<LogProof> entry(std::string_view name, std::uint64_t index) const override {
    if (index >= 5) return base::fail(base::Errc::not_found, "there is no such entry");
    LogProof out;
    out.checkpoint = checkpoint_of(name);
    out.index = index;
    out.leaf = "leaf";
    out.path = {base::sha256("a"), base::sha256("b")};
    out.kind = "batch";
    return out;
  }
};

class MemoryOperations final : public Operations {
 public:
  [[nodiscard]] About about() const override {
    return {.name = "test", .version = "0", .engine = "1", .rules_loaded = 2, .rules_failed = 1};
  }
  [[nodiscard]] std::vector<RuleRow> rules() const override {
    return {{.id = "r", .title = "t", .level = "high", .digest = "d", .file = "f.yml", .error = ""}};
  }
  [[nodiscard]] std::optional<RuleText> rule(std::string_view id, const base::Digest&) const override {
    RuleText out;
    out.id = id;
    out.title_ja = "\xe7\x81\xab";
    out.references = {"https://example.org"};
    return out;
  }
  base::Result<model::Indicator> publish(const access::Principal& who, const model::Indicator& indicator) override {
    acts.push_back(fmt::format("{} publishes {}", who.account, indicator.value));
    model::Indicator out = indicator;
    out.state = model::IndicatorState::published;
    return out;
  }
  base::Result<std::string> rederive(const access::Principal&) override { return "job-1"; }
  [[nodiscard]] base::Result<RederiveState> rederive_state(std::string_view job) const override {
    if (job != "job-1") return base::fail(base::Errc::not_found, "there is no such job");
    return RederiveState{.state = "done", .progress = 1, .verdict = "MATCH", .events = 3};
  }
  base::Result<std::string> make_token(const access::Principal& who, const TokenRequest& request) override {
    acts.push_back(fmt::format("{} token {} {} {} {}", who.account, request.organisation.text(), request.system.text(),
                               request.uses, request.expires_seconds));
    return "the-token";
  }
  base::Status make_account(const access::Principal&, const AccountRequest& request) override {
    acts.push_back(fmt::format("account {} {}", request.name, request.role));
    return {};
  }
  base::Result<std::string> make_login_link(const access::Principal&, std::string_view account) override {
    return fmt::format("https://test/login#{}", account);
  }
  base::Result<std::string> make_api_key(const access::Principal&, std::string_view account) override {
    return fmt::format("key-{}", account);
  }
  base::Status revoke(const access::Principal&, const model::SensorId& sensor) override {
    acts.push_back("revoke " + sensor.text());
    return {};
  }
  std::vector<std::string> acts;
};

inline model::RecordedEvent start_event(std::string_view owner, std::uint64_t sequence, std::string_view guid,
                                        std::string_view parent, std::string_view executable) {
  model::RecordedEvent out;
  const auto number = static_cast<std::uint8_t>(owner.size());
  out.event.kind = EventKind::process_start;
  out.event.id.sensor.uuid.octets[0] = number;
  out.event.id.epoch = 42;
  out.event.id.sequence = sequence;
  out.event.source_time = HandClock().time.plus_seconds(-60 + static_cast<std::int64_t>(sequence));
  out.event.observed_time = out.event.source_time;
  out.event.set(Field::process_guid, fmt::format("{}-{}", owner, guid));
  out.event.set(Field::process_id, sequence);
  if (!parent.empty()) out.event.set(Field::parent_guid, fmt::format("{}-{}", owner, parent));
  out.event.set(Field::process_executable, executable);
  out.event.set(Field::process_arguments, std::string_view("x\0--secret-of-", 14).substr(0, 14));
  out.provenance.organisation = organisation(owner);
  out.provenance.system = model::SystemId::parse("staff-pcs").value();
  out.provenance.host.uuid.octets[3] = number;
  out.provenance.host_name = fmt::format("pc-of-{}", owner);
  out.provenance.received_time = HandClock().time.plus_seconds(-5);
  out.provenance.entry = {fmt::format("test/evidence/{}", owner), sequence};
  return out;
}

// What one organisation has: shell > tool (finding) > child, a connection, and a candidate indicator.
struct Owned {
  store::Rows rows;
  model::Finding finding;
  model::Indicator indicator;
  explicit Owned(std::string_view owner) {
    rows.events = {start_event(owner, 1, "shell", "", "/usr/bin/bash"),
                   start_event(owner, 2, "tool", "shell", "/dev/shm/tool"),
                   start_event(owner, 4, "child", "tool", "/usr/bin/id")};
    rows.events[1].event.set(Field::process_sha256, base::sha256(owner));
    auto connection = start_event(owner, 3, "tool", "", "/dev/shm/tool");
    connection.event.kind = EventKind::network_connect;
    connection.event.remove(Field::process_arguments);
    connection.event.set(Field::network_protocol, "tcp");
    connection.event.set(Field::destination_address, base::IpAddress::parse("198.51.100.7").value());
    connection.event.set(Field::destination_port, std::uint64_t{443});
    rows.events.push_back(connection);
    const auto& subject = rows.events[1];
    finding.rule.id = "5f1abf38-0000-4000-8000-000000000001";
    finding.rule.title = "Program started from memory";
    finding.rule.level = model::Level::high;
    finding.engine = "1";
    finding.organisation = subject.provenance.organisation;
    finding.system = subject.provenance.system;
    finding.host = subject.provenance.host;
    finding.host_name = subject.provenance.host_name;
    finding.source_time = subject.event.source_time;
    finding.received_time = subject.provenance.received_time;
    finding.process_guid = subject.event.bytes(Field::process_guid);
    finding.ancestry = {{fmt::format("{}-shell", owner), "/usr/bin/bash"},
                        {fmt::format("{}-tool", owner), "/dev/shm/tool"}};
    finding.evidence = {{subject.provenance.entry, subject.event.id}};
    finding.id = model::make_finding_id(finding.rule, finding.evidence);
    indicator.type = model::IndicatorType::file_sha256;
    indicator.value = base::sha256(owner).hex();
    indicator.pattern = model::make_pattern(indicator.type, indicator.value);
    indicator.producer = "test";
    indicator.organisation = finding.organisation;
    indicator.id = model::make_indicator_id("test", indicator.organisation.text(), indicator.type, indicator.value);
    indicator.findings = {finding.id};
    indicator.evidence = finding.evidence;
    indicator.created = indicator.modified = indicator.valid_from = finding.received_time;
    rows.findings = {finding};
    rows.indicators = {indicator};
  }
};

// All of it, with a console on top.
class Centre {
 public:
  explicit Centre(Options options = {}) {
    store = store::Store::open(folder.path / "store").value();
    for (const auto* owned : {&city, &clinic})
      if (const auto written = store->write(
              owned->rows, 0, {.log = owned->finding.evidence[0].entry.log, .next = 5, .detector = "", .judge = ""});
          !written)
        throw std::runtime_error(written.error().what);
    if (options.hosts.empty()) options.hosts = {"hinomi.test:8443"};
    options.own_user = 990;
    console = Console::create(std::move(options), {*store, logs, gate, operations, clock, random}).value();
  }
  Folder folder;
  HandClock clock;
  base::SystemRandom random;
  MemoryGate gate;
  MemoryLogs logs;
  MemoryOperations operations;
  Owned city{"city-hall"};
  Owned clinic{"hospital"};
  std::unique_ptr<store::Store> store;
  std::unique_ptr<Console> console;
};

}  // namespace hinomi::console::testing
