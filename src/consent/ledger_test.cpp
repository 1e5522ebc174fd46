#include <hinomi/consent/ledger.hpp>
#include <hinomi/consent/ledger_reader.hpp>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace hinomi::consent {
namespace {

using namespace std::string_literals;
using base::Errc;
using enum model::Field;
using model::Event;
using model::EventKind;

struct FixedClock final : base::Clock {
  base::Time time = *base::Time::parse_rfc3339("2026-11-21T00:00:00Z");
  [[nodiscard]] base::Time now() const override { return time; }
};

class Folder {
 public:
  Folder() {
    std::string name = (base::fs::temp_directory_path() / "hinomi-consent.XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { base::fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const base::fs::path& path() const { return path_; }

 private:
  base::fs::path path_;
};

std::shared_ptr<const Manifest> manifest_of(std::uint64_t version = 1, const std::string& predecessor = "null",
                                            const std::string& more = "") {
  auto manifest = Manifest::parse(fmt::format(
      "manifest: 1\nversion: {}\norganisation: city-hall\nvalid_from: 2026-01-01T00:00:00Z\n"
      "valid_until: 2027-01-01T00:00:00Z\npredecessor: {}\nevents:\n"
      "  loss: {{loss_of: keep, loss_count: keep, loss_is_exact: keep}}\n"
      "  sensor_start: {{sensor_version: keep, sensor_manifest: keep}}\n  sensor_stop: {{sensor_version: keep}}\n"
      "  process_start: {{process_guid: keep, process_executable: keep, process_arguments: keep}}\n"
      "  process_fork: count\nredact: ['password=(\\S+)']\n{}",
      version, predecessor, more));
  EXPECT_TRUE(manifest) << manifest.error().what;
  return std::make_shared<const Manifest>(std::move(*manifest));
}

struct Fixture {
  Folder folder;
  FixedClock clock;
  base::SystemRandom random;
  Identity identity{.organisation = *model::OrganisationId::parse("city-hall"),
                    .system = *model::SystemId::parse("staff-pcs"),
                    .sensor = {base::kHinomiNamespace},
                    .origin = "hinomi.local/ledger/" + base::kHinomiNamespace.text()};
  proof::SigningKey key = proof::SigningKey::generate(identity.origin, random);
  Limits limits;
  std::shared_ptr<const Manifest> manifest = manifest_of();

  [[nodiscard]] base::fs::path ledger_folder() const { return folder.path() / "ledger"; }
  base::Result<std::unique_ptr<Ledger>> open() {
    return Ledger::open(ledger_folder(), identity, key, manifest, base::Bytes(32, 'k'), limits, clock, random);
  }
  [[nodiscard]] std::unique_ptr<LedgerReader> reader() const {
    auto out = LedgerReader::open(ledger_folder(), identity.origin, key.verifier());
    EXPECT_TRUE(out) << out.error().what;
    return out ? std::move(*out) : nullptr;
  }
  [[nodiscard]] base::Result<LedgerAudit> verify() const {
    return verify_ledger(ledger_folder(), identity.origin, key.verifier());
  }
  Event process(std::string_view executable, std::string_view arguments = "x\0") const {
    Event event{.kind = EventKind::process_start, .source_time = clock.time, .observed_time = clock.time};
    event.set(process_guid, "g").set(process_executable, executable).set(process_arguments, arguments);
    event.set(process_user_name, "alice-who-must-not-leave");
    return event;
  }
  // Hardly compressible.
  Event bulky(std::size_t bytes) { return process("/bin/bulk", random.bytes(bytes)); }
};

bool any_file_holds(const base::fs::path& folder, std::string_view needle) {
  for (const auto& entry : base::fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::stringstream content;
    content << in.rdbuf();
    if (content.str().find(needle) != std::string::npos) return true;
  }
  return false;
}

TEST(Ledger, numbers_what_passes_from_one_without_gaps_and_chains_its_leaves) {
  Fixture f;
  auto ledger = f.open();
  ASSERT_TRUE(ledger) << ledger.error().what;
  Event fork{.kind = EventKind::process_fork};
  const auto first = (*ledger)->record({f.process("/bin/a"), fork, f.process("/bin/b")});
  ASSERT_TRUE(first) << first.error().what;
  EXPECT_EQ(first->events, 2u);
  EXPECT_EQ(first->withheld, 1u);
  ASSERT_TRUE((*ledger)->record({f.process("/bin/c")}));
  const auto reader = f.reader();
  const auto one = reader->open_entry(0);
  const auto two = reader->open_entry(1);
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->leaf.first_sequence, 1u);
  EXPECT_EQ(one->leaf.last_sequence, 2u);
  EXPECT_EQ(two->leaf.first_sequence, 3u);
  EXPECT_EQ(one->leaf.withheld, (Counts{{EventKind::process_fork, 1}}));
  EXPECT_EQ(one->leaf.counts, (Counts{{EventKind::process_start, 2}}));
  EXPECT_EQ(two->leaf.previous, proof::leaf_hash(*reader->leaf(0)));
  EXPECT_EQ(two->events.at(0).bytes(process_executable), "/bin/c");
  EXPECT_NE(one->leaf.epoch, 0u);
  const auto audit = f.verify();
  ASSERT_TRUE(audit) << audit.error().what;
  EXPECT_EQ(audit->events, 3u);
  EXPECT_EQ(audit->withheld, 1u);
}

TEST(Ledger, goes_on_after_a_restart_with_a_new_epoch_and_the_same_chain) {
  Fixture f;
  ASSERT_TRUE((*f.open())->record({f.process("/bin/a")}));
  ASSERT_TRUE((*f.open())->record({f.process("/bin/b")}));
  const auto reader = f.reader();
  const auto one = *reader->open_entry(0);
  const auto two = *reader->open_entry(1);
  EXPECT_NE(one.leaf.epoch, two.leaf.epoch);
  EXPECT_EQ(two.leaf.first_sequence, 1u);
  EXPECT_EQ(two.leaf.previous, proof::leaf_hash(*reader->leaf(0)));
  EXPECT_EQ(f.verify()->epochs, 2u);
}

TEST(Ledger, writes_neither_a_dropped_field_nor_a_redacted_secret_anywhere) {
  Fixture f;
  const auto ledger = *f.open();
  ASSERT_TRUE(ledger->record({f.process("/bin/mysql", "mysql\0password=hunter2-very-secret\0"s)}));
  ASSERT_TRUE(ledger->flush());
  for (const char* secret : {"hunter2-very-secret", "hunter2", "alice-who-must-not-leave", "alice"})
    EXPECT_FALSE(any_file_holds(f.folder.path(), secret)) << secret;
  // Frames are compressed: look into what the wire would carry, too.
  const auto stored = *f.reader()->next_at(0);
  ASSERT_TRUE(stored.has_value());
  const base::Bytes wire = *decompress_frame(stored->frame);
  EXPECT_NE(wire.find("/bin/mysql"), std::string::npos);
  EXPECT_NE(wire.find("***"), std::string::npos);
  EXPECT_EQ(wire.find("hunter2"), std::string::npos);
  EXPECT_EQ(wire.find("alice"), std::string::npos);
}

TEST(Ledger, splits_what_does_not_fit_one_frame) {
  Fixture f;
  f.limits.frame_bytes = 100'000;
  f.limits.content_bytes = 90'000;
  const auto ledger = *f.open();
  std::vector<Event> events;
  for (int i = 0; i < 40; ++i) events.push_back(f.bulky(10'000));
  const auto recorded = ledger->record(std::move(events));
  ASSERT_TRUE(recorded) << recorded.error().what;
  EXPECT_EQ(recorded->events, 40u);
  EXPECT_GE(recorded->leaves, 5u);
  const auto reader = f.reader();
  for (std::uint64_t i = 0; i < reader->size(); ++i) EXPECT_LE((*reader->next_at(i))->frame.size(), 100'000u);
  const auto audit = f.verify();
  ASSERT_TRUE(audit) << audit.error().what;
  EXPECT_EQ(audit->events, 40u);
}

TEST(Ledger, says_in_a_heartbeat_what_the_manifest_kept_back) {
  Fixture f;
  const auto ledger = *f.open();
  EXPECT_EQ(ledger->record({Event{.kind = EventKind::process_fork}})->leaves, 0u);
  ASSERT_TRUE(ledger->heartbeat());
  const auto opened = f.reader()->open_entry(0);
  ASSERT_TRUE(opened) << opened.error().what;
  EXPECT_EQ(opened->leaf.kind, LeafKind::heartbeat);
  EXPECT_EQ(opened->leaf.events(), 0u);
  EXPECT_EQ(opened->leaf.withheld, (Counts{{EventKind::process_fork, 1}}));
  EXPECT_TRUE(f.verify());
}

TEST(Ledger, makes_reported_losses_into_events) {
  Fixture f;
  const auto ledger = *f.open();
  ledger->report_loss("pipe", 5, f.clock.time, f.clock.time);
  ledger->report_loss("pipe", 2, f.clock.time, f.clock.time);
  ASSERT_TRUE(ledger->record({f.process("/bin/a")}));
  ASSERT_TRUE(ledger->record({f.process("/bin/b")}));
  const auto opened = *f.reader()->open_entry(0);
  ASSERT_EQ(opened.events.size(), 2u);
  EXPECT_EQ(opened.events[0].kind, EventKind::loss);
  EXPECT_EQ(opened.events[0].number(loss_count), 7u);
  EXPECT_EQ(opened.leaf.lost, 7u);
  EXPECT_EQ(f.reader()->open_entry(1)->leaf.lost, 0u) << "told once";
}

TEST(Ledger, takes_acknowledgements_of_its_own_leaves_only_and_remembers_them) {
  Fixture f;
  {
    const auto ledger = *f.open();
    ASSERT_TRUE(ledger->record({f.process("/bin/a")}));
    const auto hash = proof::leaf_hash(*f.reader()->leaf(0));
    EXPECT_EQ(ledger->acknowledge(1, hash).error().code, Errc::conflict);
    EXPECT_EQ(ledger->acknowledge(0, base::sha256("x")).error().code, Errc::conflict);
    EXPECT_TRUE(ledger->acknowledge(0, hash));
    EXPECT_TRUE(ledger->flush());
  }
  EXPECT_EQ((*f.open())->status().acknowledged, 1u);
}

TEST(Ledger, keeps_its_spool_under_the_cap_and_reports_what_was_not_acknowledged) {
  Fixture f;
  f.limits.spool_bytes = 1U << 20;
  f.limits.segment_bytes = 128U << 10;
  const auto ledger = *f.open();
  std::uint64_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(ledger->record({f.bulky(40'000)}));
    ++sent;
  }
  const LedgerStatus status = ledger->status();
  EXPECT_LE(status.payload_bytes, f.limits.spool_bytes + (256U << 10));
  EXPECT_GT(status.first_payload, 0u);
  // Telling a loss takes room too and may push out another segment: until all is told.
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(ledger->heartbeat());
  // Every event is either still there or was reported as lost.
  const auto reader = f.reader();
  std::uint64_t there = 0;
  std::uint64_t reported = 0;
  for (std::uint64_t i = 0; i < reader->size(); ++i) {
    const auto opened = reader->open_entry(i);
    if (!opened) {
      EXPECT_EQ(opened.error().code, Errc::not_found);
      EXPECT_TRUE((*reader->next_at(i))->frame.empty()) << "its leaf is sent all the same";
      continue;
    }
    for (const Event& event : opened->events) {
      if (event.kind == EventKind::process_start) ++there;
      if (event.kind == EventKind::loss && event.bytes(loss_of) == "spool/process_start")
        reported += *event.number(loss_count);
      // A report that itself went with its segment was reported again.
      if (event.kind == EventKind::loss && event.bytes(loss_of) == "spool/loss") reported += *event.number(loss_count);
    }
  }
  EXPECT_EQ(there + reported, sent);
  EXPECT_GT(reported, 0u);
  EXPECT_TRUE(f.verify());
}

TEST(Ledger, lets_acknowledged_payloads_go_without_calling_it_loss) {
  Fixture f;
  f.limits.spool_bytes = 1U << 20;
  f.limits.segment_bytes = 128U << 10;
  const auto ledger = *f.open();
  for (std::uint64_t i = 0; i < 60; ++i) {
    ASSERT_TRUE(ledger->record({f.bulky(40'000)}));
    const auto leaf = f.reader()->leaf(i);
    ASSERT_TRUE(ledger->acknowledge(i, proof::leaf_hash(*leaf)));
  }
  EXPECT_GT(ledger->status().first_payload, 0u);
  EXPECT_EQ(ledger->status().lost, 0u);
  EXPECT_EQ(f.verify()->lost, 0u);
}

TEST(Ledger, reports_after_a_crash_what_had_gone_before_it) {
  Fixture f;
  f.limits.spool_bytes = 1U << 20;
  f.limits.segment_bytes = 128U << 10;
  {
    const auto ledger = *f.open();
    for (int i = 0; i < 60; ++i) ASSERT_TRUE(ledger->record({f.bulky(40'000)}));
  }  // ends without a heartbeat: the last losses are not told yet, or told; never forgotten
  const auto ledger = *f.open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(ledger->heartbeat());
  const auto reader = f.reader();
  std::uint64_t there = 0;
  std::uint64_t reported = 0;
  for (std::uint64_t i = 0; i < reader->size(); ++i) {
    const auto opened = reader->open_entry(i);
    if (!opened) continue;
    for (const Event& event : opened->events) {
      if (event.kind == EventKind::process_start) ++there;
      if (event.kind == EventKind::loss) reported += *event.number(loss_count);
    }
  }
  EXPECT_GE(there + reported, 60u);
}

TEST(Ledger, refuses_a_manifest_version_below_one_that_was_in_force) {
  Fixture f;
  {
    const auto ledger = *f.open();
    auto next = manifest_of(2, f.manifest->digest().hex());
    ASSERT_TRUE(ledger->change_manifest(next));
    ASSERT_TRUE(ledger->record({f.process("/bin/a")}));
    EXPECT_EQ(f.reader()->open_entry(0)->leaf.manifest, next->digest());
    EXPECT_EQ(ledger->change_manifest(f.manifest).error().code, Errc::conflict);
  }
  EXPECT_EQ(f.open().error().code, Errc::conflict);
}

TEST(Ledger, refuses_a_manifest_for_another_organisation) {
  Fixture f;
  f.identity.organisation = *model::OrganisationId::parse("hospital");
  EXPECT_EQ(f.open().error().code, Errc::forbidden);
}

TEST(Ledger, records_no_more_events_when_its_manifest_has_run_out_but_counts_them) {
  Fixture f;
  const auto ledger = *f.open();
  ASSERT_TRUE(ledger->record({f.process("/bin/a")}));
  f.clock.time = *base::Time::parse_rfc3339("2027-01-01T00:00:00Z");
  const auto recorded = ledger->record({f.process("/bin/b")});
  ASSERT_TRUE(recorded);
  EXPECT_EQ(recorded->events, 0u);
  EXPECT_EQ(recorded->withheld, 1u);
  ASSERT_TRUE(ledger->heartbeat());
  EXPECT_EQ(f.reader()->open_entry(1)->leaf.withheld, (Counts{{EventKind::process_start, 1}}));
}

TEST(Ledger, has_one_writer) {
  Fixture f;
  const auto ledger = f.open();
  ASSERT_TRUE(ledger);
  EXPECT_EQ(f.open().error().code, Errc::conflict);
}

TEST(Ledger, loses_nothing_committed_when_its_writer_is_killed) {
  Fixture f;
  for (int round = 0; round < 20; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      // Writes the number of events recorded after each commit; dies when the parent says so.
      auto ledger = f.open();
      if (!ledger) ::_exit(3);
      while (true) {
        const auto recorded = (*ledger)->record({f.process("/bin/a"), f.process("/bin/b")});
        if (!recorded) ::_exit(4);
        const char tick = '.';
        if (::write(pipe_ends[1], &tick, 1) != 1) ::_exit(5);
      }
    }
    ::close(pipe_ends[1]);
    char tick = 0;
    const std::uint64_t before = f.verify().has_value() ? f.verify()->events : 0;
    std::uint64_t committed = 0;
    for (int i = 0; i < 3 + round; ++i) committed += static_cast<std::uint64_t>(::read(pipe_ends[0], &tick, 1));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    while (::read(pipe_ends[0], &tick, 1) == 1) ++committed;
    ::close(pipe_ends[0]);
    {
      auto recovered = f.open();
      ASSERT_TRUE(recovered) << recovered.error().what;
    }
    const auto audit = f.verify();
    ASSERT_TRUE(audit) << audit.error().what;
    EXPECT_GE(audit->events, 2 * committed);
    EXPECT_GE(audit->events, before);
  }
}

TEST(Ledger, names_the_segment_that_does_not_hold_together) {
  Fixture f;
  {
    const auto ledger = *f.open();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(ledger->record({f.bulky(2'000)}));
  }
  base::fs::path segment;
  for (const auto& entry : base::fs::directory_iterator(f.ledger_folder() / "segments"))
    if (entry.path().extension() == ".seg") segment = entry.path();
  ASSERT_FALSE(segment.empty());
  std::string content = *base::read_file(segment);
  content[content.size() / 3] = static_cast<char>(content[content.size() / 3] ^ 0x20);
  ASSERT_TRUE(base::write_file(segment, content));
  const auto audit = f.verify();
  ASSERT_FALSE(audit);
  EXPECT_EQ(audit.error().code, Errc::corrupt);
  EXPECT_NE(audit.error().what.find(segment.stem().string()), std::string::npos) << audit.error().what;
  const auto opened = f.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::corrupt);
  EXPECT_NE(opened.error().what.find(segment.stem().string()), std::string::npos) << opened.error().what;
}

TEST(Ledger, survives_a_full_disk_and_counts_what_found_no_room) {
  Fixture f;
  // A file system of its own for a child process: 2 MiB, gone with the child.
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", f.folder.path().c_str(), "tmpfs", 0, "size=2m") != 0)
      ::_exit(77);
    auto ledger = f.open();
    if (!ledger) ::_exit(10);
    std::uint64_t recorded = 0;
    std::uint64_t refused = 0;
    for (int i = 0; i < 100; ++i) {
      f.clock.time.nanoseconds += 2'000'000'000;
      if ((*ledger)->record({f.bulky(50'000)})) ++recorded;
      else ++refused;
    }
    if (recorded == 0 || refused == 0) ::_exit(11);
    if ((*ledger)->status().lost != refused || (*ledger)->status().trouble.empty()) ::_exit(12);
    // Room again: the file system grows.
    if (::mount("none", f.folder.path().c_str(), nullptr, MS_REMOUNT, "size=64m") != 0) ::_exit(13);
    f.clock.time.nanoseconds += 2'000'000'000;
    if (!(*ledger)->record({f.process("/bin/after")})) ::_exit(14);
    if (!(*ledger)->status().trouble.empty()) ::_exit(15);
    const auto audit = f.verify();
    if (!audit) ::_exit(16);
    if (audit->lost != refused) ::_exit(17);
    // recorded + the one after + the loss event
    if (audit->events != recorded + 2) ::_exit(18);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "skipped: may not make a file system of its own here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(LedgerKey, is_made_once_for_its_owner_alone) {
  const Folder folder;
  base::SystemRandom random;
  const auto file = folder.path() / "keys/ledger.key";
  const auto made = open_ledger_key(file, "hinomi.local/ledger/x", random);
  ASSERT_TRUE(made);
  struct stat info{};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(open_ledger_key(file, "hinomi.local/ledger/x", random)->text(), made->text());
  ASSERT_EQ(::chmod(file.c_str(), 0640), 0);
  EXPECT_EQ(open_ledger_key(file, "hinomi.local/ledger/x", random).error().code, Errc::forbidden);
}

}  // namespace
}  // namespace hinomi::consent
