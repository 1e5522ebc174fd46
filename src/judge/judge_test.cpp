#include <hinomi/judge/held.hpp>
#include <hinomi/judge/judge.hpp>

#include <gtest/gtest.h>

#include <random>

namespace hinomi::judge {
namespace {

using model::EventKind;
using model::Field;
using model::IndicatorState;
using model::IndicatorType;

const auto kSensor = model::SensorId::parse("0b5f64b3-5c0e-4a8e-9d6f-3d2f4b1a7c55").value();
const auto kCity = model::OrganisationId::parse("city").value();
const auto kOther = model::OrganisationId::parse("other").value();

// Events of one log, with running numbers.
class Stream {
 public:
  model::RecordedEvent event(EventKind kind, std::string_view guid, std::string_view executable) {
    model::RecordedEvent out;
    ++count_;
    out.event.kind = kind;
    out.event.id = {.sensor = kSensor, .epoch = 1, .sequence = count_};
    out.event.source_time = {static_cast<std::int64_t>(count_) * 1000};
    out.event.set(Field::process_guid, guid);
    out.event.set(Field::process_executable, executable);
    out.provenance.organisation = kCity;
    out.provenance.system = model::SystemId::parse("pcs").value();
    out.provenance.received_time = {static_cast<std::int64_t>(count_) * 1000 + 500};
    out.provenance.entry = {.log = "c/evidence/city", .index = count_};
    return out;
  }
  model::RecordedEvent start(std::string_view guid, std::string_view executable, std::string_view content) {
    auto out = event(EventKind::process_start, guid, executable);
    out.event.set(Field::process_digest_state, "known");
    out.event.set(Field::process_sha256, base::sha256(content));
    return out;
  }
  model::RecordedEvent connect(std::string_view guid, std::string_view executable, std::string_view address) {
    auto out = event(EventKind::network_connect, guid, executable);
    out.event.set(Field::destination_address, base::IpAddress::parse(address).value());
    return out;
  }

 private:
  std::uint64_t count_ = 0;
};

model::Finding finding_on(const model::RecordedEvent& recorded, model::Level level = model::Level::high,
                          std::string tag = "attack.t1059") {
  model::Finding out;
  out.rule = {.id = "6f9a1f5e-0f0c-4f0e-8a57-0c1f0d9d2a11", .digest = base::sha256(tag), .level = level, .tags = {tag}};
  out.organisation = recorded.provenance.organisation;
  out.source_time = recorded.event.source_time;
  out.received_time = recorded.provenance.received_time;
  out.process_guid = recorded.event.bytes(Field::process_guid);
  out.evidence = {{.entry = recorded.provenance.entry, .event = recorded.event.id}};
  out.id = model::make_finding_id(out.rule, out.evidence);
  return out;
}

TEST(Judge, makes_a_candidate_of_the_programs_digest) {
  Stream stream;
  Judge judge({.producer = "centre"});
  const auto event = stream.start("p", "/dev/shm/x", "malware");
  const auto finding = finding_on(event);
  const auto changed = judge.observe(event, {finding});
  ASSERT_EQ(changed.size(), 1U);
  const model::Indicator& indicator = changed[0];
  EXPECT_EQ(indicator.type, IndicatorType::file_sha256);
  EXPECT_EQ(indicator.value, base::sha256("malware").hex());
  EXPECT_EQ(indicator.state, IndicatorState::candidate);
  EXPECT_EQ(indicator.organisation, kCity);
  EXPECT_EQ(indicator.id, model::make_indicator_id("centre", "", IndicatorType::file_sha256, indicator.value));
  EXPECT_EQ(indicator.findings, std::vector{finding.id});
  EXPECT_EQ(indicator.evidence, finding.evidence);
  EXPECT_EQ(indicator.created, event.provenance.received_time);
  EXPECT_EQ(indicator.valid_from, event.event.source_time);
  EXPECT_EQ(indicator.tags, std::vector<std::string>{"attack.t1059"});
}

TEST(Judge, makes_nothing_of_lesser_findings) {
  Stream stream;
  Judge judge({.producer = "centre"});
  const auto event = stream.start("p", "/dev/shm/x", "malware");
  EXPECT_TRUE(judge.observe(event, {finding_on(event, model::Level::medium)}).empty());
  EXPECT_TRUE(judge.observe(stream.connect("p", "/dev/shm/x", "198.41.0.4"), {}).empty());
}

TEST(Judge, never_takes_a_source_time_from_the_future) {
  Stream stream;
  Judge judge({.producer = "centre"});
  auto event = stream.start("p", "/dev/shm/x", "malware");
  event.event.source_time = event.provenance.received_time.plus_seconds(3600);
  const auto changed = judge.observe(event, {finding_on(event)});
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_EQ(changed[0].valid_from, event.provenance.received_time);
}

TEST(Judge, waits_for_a_pending_digest_of_program_and_script) {
  Stream stream;
  Judge judge({.producer = "centre"});
  auto event = stream.event(EventKind::process_start, "p", "/tmp/x");
  event.event.set(Field::process_digest_state, "pending");
  event.event.set(Field::process_script, "/tmp/s.sh");
  EXPECT_TRUE(judge.observe(event, {finding_on(event)}).empty());

  auto other = stream.event(EventKind::process_digest, "q", "/tmp/x");
  other.event.set(Field::process_sha256, base::sha256("unrelated"));
  EXPECT_TRUE(judge.observe(other, {}).empty());

  auto digest = stream.event(EventKind::process_digest, "p", "/tmp/x");
  digest.event.set(Field::process_sha256, base::sha256("x"));
  digest.event.set(Field::process_script, "/tmp/s.sh");
  digest.event.set(Field::process_script_sha256, base::sha256("s"));
  const auto changed = judge.observe(digest, {});
  ASSERT_EQ(changed.size(), 2U);
  EXPECT_EQ(changed[0].evidence.size(), 2U);  // of the finding, and of the digest
  EXPECT_EQ(changed[0].created, event.provenance.received_time);
  EXPECT_EQ(changed[0].modified, digest.provenance.received_time);
  EXPECT_TRUE(judge.observe(digest, {}).empty());  // not awaited any more
}

TEST(Judge, holds_system_programs_and_renamed_copies_of_them) {
  Stream stream;
  Judge judge({.producer = "centre"});
  judge.observe(stream.start("a", "/usr/bin/id", "id program"), {});
  const auto system = stream.start("b", "/usr/bin/bash", "bash program");
  const auto copy = stream.start("c", "/tmp/updater", "id program");
  const auto of_system = judge.observe(system, {finding_on(system)});
  const auto of_copy = judge.observe(copy, {finding_on(copy)});
  ASSERT_EQ(of_system.size(), 1U);
  EXPECT_EQ(of_system[0].state, IndicatorState::held);
  EXPECT_EQ(of_system[0].reason, "system program: /usr/bin/bash");
  ASSERT_EQ(of_copy.size(), 1U);
  EXPECT_EQ(of_copy[0].state, IndicatorState::held);
  EXPECT_EQ(of_copy[0].reason, "copy of a system program: /usr/bin/id");
}

TEST(Judge, holds_a_copy_once_its_original_is_seen) {
  Stream stream;
  Judge judge({.producer = "centre"});
  const auto copy = stream.start("c", "/tmp/updater", "id program");
  EXPECT_EQ(judge.observe(copy, {finding_on(copy)}).at(0).state, IndicatorState::candidate);
  const auto changed = judge.observe(stream.start("a", "/usr/bin/id", "id program"), {});
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_EQ(changed[0].state, IndicatorState::held);
}

TEST(Judge, takes_the_addresses_and_names_a_suspect_connects_to_later) {
  Stream stream;
  Judge judge({.producer = "centre"});
  const auto event = stream.start("p", "/dev/shm/x", "malware");
  judge.observe(event, {finding_on(event)});
  EXPECT_TRUE(judge.observe(stream.connect("q", "/usr/bin/curl", "198.41.0.4"), {}).empty());

  auto connection = stream.connect("p", "/dev/shm/x", "198.41.0.4");
  connection.event.set(Field::destination_hostname, "C2.Evil.NET.");
  const auto changed = judge.observe(connection, {});
  ASSERT_EQ(changed.size(), 2U);
  for (const model::Indicator& indicator : changed) {
    EXPECT_EQ(indicator.state, IndicatorState::candidate) << indicator.reason;
    EXPECT_EQ(indicator.evidence.size(), 2U);
    if (indicator.type == IndicatorType::domain) EXPECT_EQ(indicator.value, "c2.evil.net");
    else EXPECT_EQ(indicator.value, "198.41.0.4");
  }

  const auto loopback = judge.observe(stream.connect("p", "/dev/shm/x", "127.0.0.1"), {});
  ASSERT_EQ(loopback.size(), 1U);
  EXPECT_EQ(loopback[0].state, IndicatorState::held);
  EXPECT_EQ(loopback[0].reason, "private address");
}

TEST(Judge, knows_the_program_of_a_process_found_only_by_its_connection) {
  Stream stream;
  Judge judge({.producer = "centre"});
  judge.observe(stream.start("p", "/opt/x", "malware"), {});
  const auto connection = stream.connect("p", "/opt/x", "198.41.0.4");
  const auto changed = judge.observe(connection, {finding_on(connection)});
  ASSERT_EQ(changed.size(), 2U);
}

TEST(Judge, adds_findings_to_an_indicator_that_is_there) {
  Stream stream;
  Judge judge({.producer = "centre"});
  const auto first = stream.start("p", "/dev/shm/x", "malware");
  const auto second = stream.start("q", "/dev/shm/x", "malware");
  judge.observe(first, {finding_on(first, model::Level::high, "attack.b")});
  const auto changed = judge.observe(second, {finding_on(second, model::Level::critical, "attack.a")});
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_EQ(changed[0].level, model::Level::critical);
  EXPECT_EQ(changed[0].findings.size(), 2U);
  EXPECT_EQ(changed[0].tags, (std::vector<std::string>{"attack.a", "attack.b"}));
  EXPECT_EQ(changed[0].created, first.provenance.received_time);
  EXPECT_EQ(changed[0].modified, second.provenance.received_time);
}

TEST(Judge, keeps_no_more_than_64_evidences_an_indicator) {
  Stream stream;
  Judge judge({.producer = "centre"});
  for (int i = 0; i < 200; ++i) {
    const auto event = stream.start("p" + std::to_string(i), "/dev/shm/x", "malware");
    judge.observe(event, {finding_on(event)});
  }
  ASSERT_EQ(judge.indicators().size(), 1U);
  EXPECT_EQ(judge.indicators()[0].evidence.size(), 64U);
  EXPECT_EQ(judge.indicators()[0].findings.size(), 64U);
}

TEST(Judge, publishes_candidates_of_that_organisation_alone) {
  Stream stream;
  Judge judge({.producer = "centre"});
  const auto event = stream.start("p", "/dev/shm/x", "malware");
  const auto id = judge.observe(event, {finding_on(event)}).at(0).id;
  const auto held = judge.observe(stream.connect("p", "/dev/shm/x", "10.0.0.1"), {}).at(0).id;
  const model::EntryRef act{.log = "c/evidence/city", .index = 99};
  EXPECT_EQ(judge.publish(id, kOther, act, {1}).error().code, base::Errc::not_found);
  EXPECT_EQ(judge.publish(held, kCity, act, {1}).error().code, base::Errc::conflict);
  const auto published = judge.publish(id, kCity, act, {9'000});
  ASSERT_TRUE(published);
  EXPECT_EQ(published->state, IndicatorState::published);
  EXPECT_EQ(published->published_by, act);
  EXPECT_EQ(published->published, base::Time{9'000});
  EXPECT_EQ(judge.publish(id, kCity, act, {1}).error().code, base::Errc::conflict);
}

// A mixed stream of starts, digests and connections, some of them found.
std::vector<std::pair<model::RecordedEvent, std::vector<model::Finding>>> mixed_stream() {
  Stream stream;
  std::mt19937 random(1);
  std::vector<std::pair<model::RecordedEvent, std::vector<model::Finding>>> out;
  for (int i = 0; i < 3000; ++i) {
    const std::string number = std::to_string(random() % 40);
    const std::string path = (random() % 3 == 0 ? "/usr/bin/" : "/tmp/") + std::to_string(random() % 20);
    model::RecordedEvent event;
    switch (random() % 4) {
      case 0: event = stream.start("p" + number, path, number); break;
      case 1:
        event = stream.event(EventKind::process_start, "p" + number, path);
        event.event.set(Field::process_digest_state, "pending");
        event.event.set(Field::process_script, "/tmp/script");
        break;
      case 2:
        event = stream.event(EventKind::process_digest, "p" + number, path);
        event.event.set(Field::process_sha256, base::sha256(number));
        event.event.set(Field::process_script, "/tmp/script");
        event.event.set(Field::process_script_sha256, base::sha256("s" + number));
        break;
      default:
        event = stream.connect("p" + number, path, random() % 2 == 0 ? "198.41.0." + number : "10.0.0." + number);
    }
    std::vector<model::Finding> findings;
    if (random() % 8 == 0)
      findings.push_back(finding_on(event, random() % 2 == 0 ? model::Level::high : model::Level::low));
    out.emplace_back(std::move(event), std::move(findings));
  }
  return out;
}

std::string text_of(const std::vector<model::Indicator>& indicators) {
  std::string out;
  for (const model::Indicator& indicator : indicators) out += model::to_json(indicator) + "\n";
  return out;
}

TEST(Judge, gives_the_same_bytes_when_restored_midway) {
  const auto stream = mixed_stream();
  std::vector<std::string> expected;
  Judge whole({.producer = "centre"});
  for (const auto& [event, findings] : stream) expected.push_back(text_of(whole.observe(event, findings)));
  ASSERT_GT(whole.indicators().size(), 20U);

  Judge judge({.producer = "centre"});
  for (std::size_t i = 0; i < stream.size(); ++i) {
    if (i % 97 == 0) {
      Judge restored({.producer = "centre"});
      ASSERT_TRUE(restored.restore(judge.indicators(), judge.state()));
      EXPECT_EQ(restored.state(), judge.state());
      judge = std::move(restored);
    }
    ASSERT_EQ(text_of(judge.observe(stream[i].first, stream[i].second)), expected[i]) << i;
  }
  EXPECT_EQ(judge.state(), whole.state());
  EXPECT_EQ(text_of(judge.indicators()), text_of(whole.indicators()));
}

TEST(Judge, refuses_a_state_that_is_not_whole) {
  Judge judge({.producer = "centre"});
  for (const auto& [event, findings] : mixed_stream()) judge.observe(event, findings);
  const std::string state = judge.state();
  Judge restored({.producer = "centre"});
  EXPECT_TRUE(restored.restore({}, ""));
  EXPECT_TRUE(restored.restore({}, state));
  for (const std::size_t size : {std::size_t{3}, std::size_t{20}, state.size() / 2, state.size() - 1})
    EXPECT_EQ(restored.restore({}, state.substr(0, size)).error().code, base::Errc::corrupt) << size;
  EXPECT_FALSE(restored.restore({}, state + "x"));
  EXPECT_EQ(restored.state(), state);  // a failed restore changes nothing
}

TEST(HeldValues, are_system_paths_special_names_and_public_resolvers) {
  EXPECT_TRUE(is_system_path("/usr/bin/id"));
  EXPECT_FALSE(is_system_path("/usr/bin/../../tmp/x"));
  EXPECT_FALSE(is_system_path("/tmp/usr/bin/id"));
  EXPECT_EQ(why_held(base::IpAddress::parse("8.8.8.8").value()), "public resolver");
  EXPECT_EQ(why_held(base::IpAddress::parse("2620:fe::fe").value()), "public resolver");
  EXPECT_EQ(why_held(base::IpAddress::parse("198.41.0.4").value()), "");
  EXPECT_EQ(why_held(base::sha256("")), "digest of an empty file");
  EXPECT_EQ(why_held_name("printer"), "name without a domain");
  EXPECT_EQ(why_held_name("nas.local"), "special-use name");
  EXPECT_EQ(why_held_name("notlocal.net"), "");
  EXPECT_EQ(normalise_name("A.Example.JP."), "a.example.jp");
  for (const std::string_view bad : {"", ".", "a..", "a..b", "10.0.0.1", "a b.c", "火.jp", "::1"})
    EXPECT_FALSE(normalise_name(bad)) << bad;
}

}  // namespace
}  // namespace hinomi::judge
