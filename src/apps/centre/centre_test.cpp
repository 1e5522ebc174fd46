#include <acts.hpp>
#include <audit.hpp>
#include <config.hpp>
#include <keys.hpp>
#include <line.hpp>
#include <rederive.hpp>

#include <hinomi/access/secret.hpp>
#include <hinomi/consent/leaf.hpp>
#include <hinomi/detect/rule_folder.hpp>
#include <hinomi/link/batch.hpp>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

namespace hinomi::centre {
namespace {

using model::EventKind;
using model::Field;

class Folder {
 public:
  Folder() {
    std::string name = (base::fs::temp_directory_path() / "hinomi-centre-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Folder() { base::fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  base::fs::path path;
};

// --- Configuration ---

TEST(Config, the_packaged_file_holds_every_setting_with_its_default) {
  const base::fs::path file = base::fs::path(HINOMI_SOURCE_DIR) / "packaging/hinomi.yaml";
  auto config = Config::load(file);
  ASSERT_TRUE(config) << config.error().what;
  config->file.clear();
  EXPECT_EQ(*config, Config());
  // Every setting that can be read stands there: one that is taken away from the file is one that nobody documents.
  const std::string yaml = base::read_file(file).value();
  for (const char* name : {"name:", "data:", "rules:", "organisations:", "server_names:", "link:", "console:", "web:",
                           "store:", "memory_mebibytes:", "threads:", "address:", "url:"})
    EXPECT_NE(yaml.find(std::string("\n") + name) == yaml.npos && yaml.find(std::string("  ") + name) == yaml.npos,
              true)
        << name;
}

TEST(Config, names_the_line_of_what_is_wrong) {
  const auto error_of = [](std::string_view yaml) {
    return Config::parse(yaml, "/etc/hinomi/hinomi.yaml").error().what;
  };
  EXPECT_NE(error_of("name: a\nport: 7\n").find("line 2: there is no setting 'port'"), std::string::npos);
  EXPECT_NE(error_of("link:\n  adress: x\n").find("line 2: there is no setting 'link.adress'"), std::string::npos);
  EXPECT_NE(error_of("organisations: [centre]\n").find("line 1"), std::string::npos);
  EXPECT_NE(error_of("organisations: [City Hall]\n").find("line 1"), std::string::npos);
  EXPECT_NE(error_of("store: {threads: 0}\n").find("must be 1 to 256"), std::string::npos);
  EXPECT_FALSE(Config::parse("- a\n- b\n", "x"));
}

TEST(Config, relative_paths_are_meant_from_the_file) {
  const auto config =
      Config::parse("data: centre\nrules: ../rules\nconsole: {web: /srv/web}\n", "/etc/hinomi/hinomi.yaml").value();
  EXPECT_EQ(config.data, "/etc/hinomi/centre");
  EXPECT_EQ(config.rules, "/etc/rules");
  EXPECT_EQ(config.web, "/srv/web");
}

// --- Keys ---

TEST(Keys, are_made_once_and_for_their_owner_alone) {
  const Folder folder;
  base::SystemRandom random;
  const auto key = open_signing_key(folder.path, "hinomi.test", random).value();
  EXPECT_EQ(open_signing_key(folder.path, "hinomi.test", random).value().text(), key.text());
  EXPECT_EQ(open_signing_key(folder.path, "another.name", random).error().code, base::Errc::conflict);
  struct stat found{};
  ASSERT_EQ(stat((folder.path / "evidence.key").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
  chmod((folder.path / "evidence.key").c_str(), 0644);
  EXPECT_EQ(open_signing_key(folder.path, "hinomi.test", random).error().code, base::Errc::forbidden);
}

TEST(Keys, the_server_certificate_is_kept_until_its_names_change) {
  const Folder folder;
  const base::Time now = base::SystemClock().now();
  const auto authority = access::CertificateAuthority::open_or_create(folder.path / "ca", "hinomi.test", now).value();
  const auto first = open_server_certificate(folder.path, *authority, {"localhost", "127.0.0.1", "::1"}, now).value();
  EXPECT_EQ(open_server_certificate(folder.path, *authority, {"localhost", "127.0.0.1", "::1"}, now)->chain_pem,
            first.chain_pem);
  EXPECT_NE(open_server_certificate(folder.path, *authority, {"localhost", "hinomi.example"}, now)->chain_pem,
            first.chain_pem);
  const auto later = now.plus_seconds(360LL * 86'400);
  EXPECT_NE(open_server_certificate(folder.path, *authority, {"localhost", "hinomi.example"}, later)->key_pem,
            first.key_pem);
}

// --- A small centre without doors ---

constexpr const char* kCentre = "hinomi.test";

Ruling our_rules() {
  Ruling out{
      .engine = std::string(detect::kEngineVersion), .producer = kCentre, .naming = "secret", .rules = {}, .files = {}};
  out.files = detect::read_rule_folder(base::fs::path(HINOMI_SOURCE_DIR) / "rules").value();
  out.rules = detect::load_rules(out.files).digest;
  return out;
}

class Small {
 public:
  explicit Small(base::fs::path at) : folder(std::move(at)) {
    base::SystemRandom random;
    evidence = evidence::Evidence::open(folder / "logs", open_signing_key(folder / "keys", kCentre, random).value(),
                                        clock, kCentre)
                   .value();
    acts = std::make_unique<Acts>(*evidence, access, clock);
    EXPECT_TRUE(acts->replay([&](const evidence::EvidenceLog& log, const evidence::Entry& entry) -> base::Status {
      if (entry.leaf.kind != evidence::EntryKind::act) return {};
      const auto act = access::decode_act(entry.payload).value();
      if (act.kind == kRulesAct) rulings[log.origin()][entry.index] = Ruling::parse(act).value();
      return {};
    }));
    store = store::Store::open(folder / "store", {.memory_mebibytes = 128, .threads = 1}).value();
  }
  evidence::EvidenceLog& add(const std::string& organisation) {
    const auto id = model::OrganisationId::parse(organisation).value();
    auto* log = evidence->create(id).value();
    EXPECT_TRUE(acts->perform_for_centre(access::organisation_act("centre", id)));
    rule(*log, our_rules());
    return *log;
  }
  void rule(evidence::EvidenceLog& log, const Ruling& ruling) {
    rulings[log.origin()][acts->perform(log.organisation(), ruling.act()).value().first.index] = ruling;
  }
  access::Sensor enrol(evidence::EvidenceLog& log, unsigned number) {
    base::SystemRandom random;
    access::Sensor sensor;
    sensor.id.uuid = base::Uuid::random(random);
    sensor.organisation = log.organisation();
    sensor.system = model::SystemId::parse("pcs").value();
    sensor.host.uuid = base::Uuid::random(random);
    sensor.host_name = fmt::format("pc{}", number);
    sensor.machine_id = std::to_string(number);
    sensor.link_key = base::sha256(std::to_string(number));
    sensor.serials = {"ab"};
    sensor.certificate_not_after = clock.now().plus_seconds(1000);
    sensor.ledger_vkey = proof::SigningKey::generate("ledger", random).verifier().text();
    const auto token =
        access::make_token(random, sensor.organisation, sensor.system, clock.now().plus_seconds(1000), 1, {}, "");
    EXPECT_TRUE(acts->perform(log.organisation(), access::token_act("test", token.record())));
    const auto done = acts->perform(log.organisation(), access::enrolment_act(sensor, token.record().hash));
    EXPECT_TRUE(done) << done.error().what;
    return sensor;
  }
  std::unique_ptr<Line> walk(evidence::EvidenceLog& log, std::vector<model::Indicator>* published = nullptr) {
    LineOptions options{.time = std::chrono::milliseconds(20)};
    if (published != nullptr)
      options.published = [published](const model::Indicator& one) -> base::Status {
        published->push_back(one);
        return {};
      };
    auto line = std::make_unique<Line>(log, *store, access, plans, std::move(options));
    const auto started = line->start(rulings[log.origin()]);
    EXPECT_TRUE(started) << started.error().what;
    return line;
  }
  base::Result<Comparison> rederive(evidence::EvidenceLog& log) {
    const base::fs::path scratch = folder / "scratch";
    auto out = rederive_log(log, *store, access, plans, scratch, [](double) { return true; });
    base::fs::remove_all(scratch);
    return out;
  }

  base::fs::path folder;
  base::SystemClock clock;
  std::unique_ptr<evidence::Evidence> evidence;
  access::Access access;
  std::unique_ptr<Acts> acts;
  std::map<std::string, std::map<std::uint64_t, Ruling>> rulings;
  Plans plans;
  std::unique_ptr<store::Store> store;
};

// A batch as the link would have accepted it: `count` starts of programs, of which the first runs from shared memory and connects.
evidence::Draft batch(const access::Sensor& sensor, std::uint64_t first, std::uint64_t count) {
  std::vector<model::Event> events;
  for (std::uint64_t i = 0; i < count; ++i) {
    model::Event event;
    event.kind = i == 1 ? EventKind::network_connect : EventKind::process_start;
    event.id = {sensor.id, 7, first + i};
    event.source_time = event.observed_time = {1'700'000'000'000'000'000 + static_cast<std::int64_t>(first + i)};
    event.set(Field::process_guid, std::string_view(fmt::format("guid-{}", i < 2 ? first : first + i)));
    event.set(Field::process_executable, i < 2 ? "/dev/shm/dropped" : "/usr/bin/true");
    if (i == 1) {
      event.set(Field::network_initiated, std::uint64_t{1});
      event.set(Field::destination_address, base::IpAddress::parse(fmt::format("9.9.9.{}", first % 256)).value());
      event.set(Field::destination_port, std::uint64_t{443});
    }
    events.push_back(std::move(event));
  }
  link::Leaf leaf;
  leaf.kind = 1;
  leaf.sensor = sensor.id;
  leaf.epoch = 7;
  leaf.first_sequence = first;
  leaf.last_sequence = first + count - 1;
  leaf.counts = {{1, count - 1}, {10, 1}};
  link::Batch out;
  out.organisation = sensor.organisation;
  out.system = sensor.system;
  out.sensor = sensor.id;
  out.salt = std::string(link::kSaltBytes, 's');
  out.frame = consent::compress_frame(model::encode_events(events));
  leaf.frame_length = out.frame.size();
  leaf.frame_digest = base::sha256({out.salt, out.frame});
  out.leaf = link::encode(leaf);
  out.checkpoint = "x";
  return {
      .kind = evidence::EntryKind::batch, .system = sensor.system, .sensor = sensor.id, .payload = link::encode(out)};
}

constexpr auto kLong = std::chrono::minutes(1);

TEST(Line, carries_each_event_into_the_tables_once_across_restarts) {
  const Folder folder;
  {
    Small centre(folder.path);
    auto& log = centre.add("city");
    const auto sensor = centre.enrol(log, 1);
    const auto line = centre.walk(log);
    for (std::uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(log.append(batch(sensor, i * 10 + 1, 10)));
    ASSERT_TRUE(line->wait_for(log.size() - 1, kLong)) << line->progress().trouble;
    ASSERT_TRUE(log.append(batch(sensor, 51, 10)));
  }  // stops with or without the last batch in the tables
  Small centre(folder.path);
  auto& log = *centre.evidence->log(model::OrganisationId::parse("city").value()).value();
  const auto line = centre.walk(log);
  ASSERT_TRUE(line->wait_for(log.size() - 1, kLong)) << line->progress().trouble;
  const auto everything = store::Scope::everything();
  EXPECT_EQ(centre.store->events_since(everything, {0}).value(), 60U);
  const auto findings = centre.store->findings(everything, {}).value().items;
  EXPECT_GE(findings.size(), 6U);
  EXPECT_EQ(findings[0].host_name, "pc1");
  EXPECT_GE(centre.store->indicators(everything, {.type = model::IndicatorType::ipv4}).value().items.size(), 6U);
  const auto same = centre.rederive(log);
  ASSERT_TRUE(same) << same.error().what;
  EXPECT_EQ(same->first_difference, "");
  EXPECT_EQ(same->events, 60U);
  EXPECT_EQ(same->findings, findings.size());
}

TEST(Line, a_batch_whose_content_is_wrong_leads_to_nothing_and_is_counted) {
  const Folder folder;
  Small centre(folder.path);
  auto& log = centre.add("city");
  const auto sensor = centre.enrol(log, 1);
  auto bad = batch(sensor, 1, 10);
  auto content = link::decode_batch(bad.payload).value();
  content.frame = "not zstd";
  bad.payload = link::encode(content);
  ASSERT_TRUE(log.append(bad));
  auto short_one = link::decode_batch(batch(sensor, 1, 10).payload).value();
  short_one.frame = link::decode_batch(batch(sensor, 1, 9).payload).value().frame;  // fewer events than the leaf says
  ASSERT_TRUE(log.append({.kind = evidence::EntryKind::batch,
                          .system = sensor.system,
                          .sensor = sensor.id,
                          .payload = link::encode(short_one)}));
  ASSERT_TRUE(log.append(batch(sensor, 1, 10)));
  const auto line = centre.walk(log);
  ASSERT_TRUE(line->wait_for(log.size() - 1, kLong)) << line->progress().trouble;
  EXPECT_EQ(line->progress().bad_batches, 2U);
  EXPECT_EQ(centre.store->events_since(store::Scope::everything(), {0}).value(), 10U);
}

TEST(Line, publication_takes_effect_in_the_logs_order_and_again_at_replay) {
  const Folder folder;
  std::vector<model::Indicator> published;
  model::IndicatorId id;
  {
    Small centre(folder.path);
    auto& log = centre.add("city");
    const auto sensor = centre.enrol(log, 1);
    const auto line = centre.walk(log, &published);
    ASSERT_TRUE(log.append(batch(sensor, 1, 10)));
    ASSERT_TRUE(line->wait_for(log.size() - 1, kLong));
    const auto candidates =
        centre.store->indicators(store::Scope::everything(), {.state = model::IndicatorState::candidate}).value().items;
    ASSERT_FALSE(candidates.empty());
    id = candidates[0].id;
    const auto act = centre.acts->perform(log.organisation(), publish_act("sato", id)).value();
    ASSERT_TRUE(line->wait_for(act.first.index, kLong));
    const auto after = centre.store->indicator(store::Scope::everything(), id).value();
    EXPECT_EQ(after.state, model::IndicatorState::published);
    EXPECT_EQ(after.published_by->index, act.first.index);
    EXPECT_EQ(after.published, act.first.received);
    ASSERT_EQ(published.size(), 1U);
    EXPECT_EQ(centre.rederive(log)->first_difference, "");
  }
  base::fs::remove_all(folder.path / "store");  // derived: may go at any time
  published.clear();
  Small centre(folder.path);
  auto& log = *centre.evidence->log(model::OrganisationId::parse("city").value()).value();
  const auto line = centre.walk(log, &published);
  ASSERT_TRUE(line->wait_for(log.size() - 1, kLong));
  ASSERT_EQ(published.size(), 1U);
  EXPECT_EQ(published[0].id, id);
}

TEST(Line, refuses_tables_that_are_ahead_of_the_log) {
  const Folder folder;
  Small centre(folder.path);
  auto& log = centre.add("city");
  ASSERT_TRUE(centre.store->write({}, 0, {log.origin(), 100, "", ""}));
  Line line(log, *centre.store, centre.access, centre.plans, {});
  EXPECT_EQ(line.start({}).error().code, base::Errc::corrupt);
}

TEST(Rederive, uses_the_rules_that_the_log_names_at_each_place) {
  const Folder folder;
  Small centre(folder.path);
  auto& log = centre.add("city");
  const auto sensor = centre.enrol(log, 1);
  ASSERT_TRUE(log.append(batch(sensor, 1, 10)));
  Ruling none = our_rules();
  none.files.clear();
  none.rules = detect::load_rules({}).digest;
  centre.rule(log, none);
  ASSERT_TRUE(log.append(batch(sensor, 11, 10)));
  const auto line = centre.walk(log);
  ASSERT_TRUE(line->wait_for(log.size() - 1, kLong));
  const auto findings = centre.store->findings(store::Scope::everything(), {}).value().items;
  ASSERT_FALSE(findings.empty());
  for (const auto& finding : findings) EXPECT_LE(finding.evidence[0].event.sequence, 10U);
  EXPECT_EQ(centre.rederive(log)->first_difference, "");
}

TEST(Rederive, names_the_first_difference) {
  const Folder folder;
  Small centre(folder.path);
  auto& log = centre.add("city");
  const auto sensor = centre.enrol(log, 1);
  ASSERT_TRUE(log.append(batch(sensor, 1, 10)));
  std::uint64_t end = 0;
  {
    const auto line = centre.walk(log);
    ASSERT_TRUE(line->wait_for(log.size() - 1, kLong));
    end = line->progress().next;
  }
  // Somebody puts a finding into the tables that the evidence does not lead to.
  auto forged = centre.store->findings(store::Scope::everything(), {}).value().items.at(0);
  forged.host_name = "another-pc";
  forged.id.uuid.octets[0] ^= 1;
  ASSERT_TRUE(log.append(batch(sensor, 11, 10)));
  store::Rows rows;
  rows.findings = {forged};
  ASSERT_TRUE(
      centre.store->write(rows, end, {log.origin(), end, "", centre.store->corridor(log.origin()).value()->judge}));
  const auto compared = centre.rederive(log);
  ASSERT_TRUE(compared) << compared.error().what;
  EXPECT_NE(compared->first_difference.find("another-pc"), std::string::npos) << compared->first_difference;
  EXPECT_EQ(compared->events, 10U);
}

TEST(Rederive, leaves_what_another_engine_derived_alone) {
  const Folder folder;
  Small centre(folder.path);
  auto& log = centre.add("city");
  Ruling foreign = our_rules();
  foreign.engine = "hinomi-detect-0";
  centre.rule(log, foreign);
  const auto line = centre.walk(log);
  ASSERT_TRUE(line->wait_for(log.size() - 1, kLong));
  EXPECT_EQ(centre.rederive(log).error().code, base::Errc::unsupported);
}

TEST(Ruling, comes_back_from_its_act_and_is_held_to_its_digest) {
  Ruling ruling = our_rules();
  ruling.files.push_back({"broken.yml", "\xff\xfe"});  // not UTF-8: kept all the same
  ruling.rules = detect::load_rules(ruling.files).digest;
  const auto act = access::decode_act(access::encode(ruling.act())).value();
  const Ruling again = Ruling::parse(act).value();
  EXPECT_TRUE(again.says_the_same_as(ruling));
  EXPECT_EQ(again.files.size(), ruling.files.size());
  ruling.files.pop_back();
  EXPECT_EQ(Ruling::parse(ruling.act()).error().code, base::Errc::corrupt);
}

TEST(Auditor, names_the_entry_that_is_no_accepted_batch) {
  const Folder folder;
  {
    Small centre(folder.path);
    auto& log = centre.add("city");
    const auto sensor = centre.enrol(log, 1);
    ASSERT_TRUE(log.append(batch(sensor, 1, 10)));  // without a proof of the sensor's ledger
  }
  Config config;
  config.name = kCentre;
  config.data = folder.path;
  auto auditor = Auditor::open(config).value();
  const auto organisations = auditor.organisations().value();
  ASSERT_EQ(organisations.size(), 2U);
  EXPECT_TRUE(auditor.verify(organisations[0]));
  const auto audit = auditor.verify(organisations[1]);
  ASSERT_FALSE(audit);
  EXPECT_NE(audit.error().what.find("entry 3"), std::string::npos) << audit.error().what;
}

}  // namespace
}  // namespace hinomi::centre
