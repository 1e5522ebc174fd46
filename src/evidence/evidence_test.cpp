#include <hinomi/evidence/evidence.hpp>

#include <hinomi/tlog/verify.hpp>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <future>
#include <latch>

namespace hinomi::evidence {
namespace {

class Folder {
 public:
  Folder() {
    std::string name = (base::fs::temp_directory_path() / "hinomi-evidence-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Folder() { base::fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  base::fs::path path;
};

class FixedClock final : public base::Clock {
 public:
  [[nodiscard]] base::Time now() const override { return {nanoseconds.load()}; }
  std::atomic<std::int64_t> nanoseconds{1'700'000'000'000'000'000};
};

model::OrganisationId city() { return model::OrganisationId::parse("city").value(); }
constexpr const char* kOrigin = "test/evidence/city";

proof::SigningKey test_key() {
  static const proof::SigningKey key = [] {
    base::SystemRandom random;
    return proof::SigningKey::generate("test", random);
  }();
  return key;
}

std::unique_ptr<EvidenceLog> open_log(const base::fs::path& folder, const base::Clock& clock, LogOptions options = {}) {
  auto log = EvidenceLog::open(folder / "city", kOrigin, city(), test_key(), clock, std::move(options));
  EXPECT_TRUE(log) << log.error().what;
  return std::move(*log);
}

Draft act(std::string payload) {
  return {.kind = EntryKind::act, .system = {}, .sensor = std::nullopt, .payload = std::move(payload)};
}
Draft batch(std::string payload) {
  model::SensorId sensor;
  sensor.uuid.octets[2] = 9;
  return {.kind = EntryKind::batch,
          .system = model::SystemId::parse("pcs").value(),
          .sensor = sensor,
          .payload = std::move(payload)};
}

TEST(EvidenceLeaf, comes_back_as_it_was_encoded) {
  for (const Draft& draft : {act("x"), batch("frame"), act(std::string(kMaxInline + 1, 'y'))}) {
    const Leaf leaf = make_leaf(draft, city(), {42});
    EXPECT_EQ(decode_leaf(encode(leaf)).value(), leaf);
    EXPECT_EQ(leaf.inline_payload.has_value(), draft.kind == EntryKind::act && draft.payload.size() <= kMaxInline);
  }
}

TEST(EvidenceLeaf, refuses_what_does_not_hold_together) {
  EXPECT_FALSE(decode_leaf(""));
  EXPECT_FALSE(decode_leaf("\xff\xff\xff"));
  Leaf leaf = make_leaf(act("x"), city(), {42});
  leaf.inline_payload = "z";
  EXPECT_EQ(decode_leaf(encode(leaf)).error().code, base::Errc::malformed);
  EXPECT_EQ(make_entry(0, make_leaf(batch("x"), city(), {1}), "y").error().code, base::Errc::corrupt);
}

TEST(EvidenceLog, answers_only_after_the_sync) {
  const Folder folder;
  const FixedClock clock;
  std::promise<void> entered;
  std::promise<void> release;
  std::atomic<bool> hold{false};
  LogOptions options;
  options.tiles.sync = [&](int fd) {
    if (hold.exchange(false)) {
      entered.set_value();
      release.get_future().wait();
    }
    return fdatasync(fd);
  };
  const auto log = open_log(folder.path, clock, options);
  hold = true;
  std::atomic<bool> answered{false};
  std::thread sender([&] {
    EXPECT_TRUE(log->append(act("x")));
    answered = true;
  });
  entered.get_future().wait();  // everything is written, the sync has not returned
  EXPECT_FALSE(answered);
  EXPECT_EQ(log->size(), 0U);
  release.set_value();
  sender.join();
  EXPECT_TRUE(answered);
  EXPECT_EQ(log->size(), 1U);
}

TEST(EvidenceLog, does_not_answer_for_what_could_not_be_synced) {
  const Folder folder;
  const FixedClock clock;
  std::atomic<bool> broken{false};
  {
    LogOptions options;
    options.tiles.sync = [&](int fd) {
      if (broken) {
        errno = EIO;
        return -1;
      }
      return fdatasync(fd);
    };
    const auto log = open_log(folder.path, clock, options);
    ASSERT_TRUE(log->append(act("first")));
    broken = true;
    EXPECT_FALSE(log->append(act("second")));
    broken = false;
    EXPECT_FALSE(log->append(act("third")));  // a sync that failed once is not to be believed later
    EXPECT_EQ(log->size(), 1U);
  }
  const auto log = open_log(folder.path, clock);
  ASSERT_TRUE(log->append(act("fourth")));
  EXPECT_EQ(log->read(log->size() - 1).value().payload, "fourth");
}

TEST(EvidenceLog, one_sync_serves_all_who_wait) {
  const Folder folder;
  const FixedClock clock;
  LogOptions options;
  options.gather = std::chrono::milliseconds(300);
  std::atomic<int> syncs{0};
  options.tiles.sync = [&](int fd) {
    ++syncs;
    return fdatasync(fd);
  };
  const auto log = open_log(folder.path, clock, options);
  syncs = 0;
  constexpr int kSenders = 40;
  std::latch start(kSenders);
  std::vector<std::thread> senders;
  for (int i = 0; i < kSenders; ++i)
    senders.emplace_back([&] {
      start.arrive_and_wait();
      EXPECT_TRUE(log->append(batch("x")));
    });
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(log->size(), static_cast<std::uint64_t>(kSenders));
  EXPECT_LT(syncs, kSenders / 2);
  EXPECT_EQ(log->counters().entries, static_cast<std::uint64_t>(kSenders));
}

TEST(EvidenceLog, batch_and_receipt_stand_side_by_side_and_are_proven) {
  const Folder folder;
  const FixedClock clock;
  const auto log = open_log(folder.path, clock);
  ASSERT_TRUE(log->append(act("before")));
  Placed seen;
  const auto appended = log->append(batch("frame"), [&](const Placed& first) {
    seen = first;
    Draft receipt = batch(fmt::format("receipt for {}", first.index));
    receipt.kind = EntryKind::receipt;
    return receipt;
  });
  ASSERT_TRUE(appended) << appended.error().what;
  EXPECT_EQ(appended->first.index, 1U);
  EXPECT_EQ(appended->second->index, 2U);
  EXPECT_LT(appended->first.received, appended->second->received);
  EXPECT_EQ(decode_leaf(appended->leaf).value().inline_payload, "receipt for 1");
  EXPECT_EQ(proof::leaf_hash(appended->leaf), appended->second->leaf_hash);
  EXPECT_EQ(seen.leaf_hash, log->prove(1).value().leaf_hash);
  const auto signed_one = proof::open_checkpoint(appended->checkpoint.note, test_key().verifier(), kOrigin);
  ASSERT_TRUE(signed_one);
  EXPECT_TRUE(
      proof::verify_inclusion(appended->second->leaf_hash, 2, signed_one->size, appended->path, signed_one->root));
  const Entry entry = log->read(1).value();
  EXPECT_EQ(entry.payload, "frame");
  EXPECT_EQ(entry.leaf.organisation, city());
  EXPECT_EQ(entry.leaf.system.text(), "pcs");
  EXPECT_EQ(log->read(2).value().leaf.kind, EntryKind::receipt);
  EXPECT_EQ(log->read(3).error().code, base::Errc::not_found);
}

TEST(EvidenceLog, received_times_only_go_up_whatever_the_clock_does) {
  const Folder folder;
  FixedClock clock;
  base::Time last;
  for (int opening = 0; opening < 3; ++opening) {
    const auto log = open_log(folder.path, clock);
    for (int i = 0; i < 5; ++i) {
      const auto appended = log->append(act("x"));
      ASSERT_TRUE(appended);
      EXPECT_GT(appended->first.received, last);
      last = appended->first.received;
    }
    clock.nanoseconds -= 1'000'000'000;
  }
}

TEST(EvidenceLog, refuses_a_payload_that_is_too_large_and_goes_on) {
  const Folder folder;
  const FixedClock clock;
  const auto log = open_log(folder.path, clock);
  EXPECT_EQ(log->append(batch(std::string(tlog::kMaxPayload + 1, 'x'))).error().code, base::Errc::too_large);
  EXPECT_TRUE(log->append(batch("x")));
}

TEST(EvidenceLog, waiting_ends_with_an_entry_or_with_closing) {
  const Folder folder;
  const FixedClock clock;
  const auto log = open_log(folder.path, clock);
  EXPECT_FALSE(log->wait_beyond(0, std::chrono::milliseconds(0)));
  std::thread sender([&] { EXPECT_TRUE(log->append(act("x"))); });
  EXPECT_TRUE(log->wait_beyond(0, std::chrono::minutes(1)));
  sender.join();
  std::thread closer([&] { log->close(); });
  EXPECT_FALSE(log->wait_beyond(1, std::chrono::minutes(1)));
  closer.join();
  EXPECT_EQ(log->append(act("y")).error().code, base::Errc::unavailable);
  EXPECT_EQ(log->read(0).value().payload, "x");
}

TEST(EvidenceLog, survives_a_full_disk) {
  const Folder folder;
  if (mount("tmpfs", folder.path.c_str(), "tmpfs", 0, "size=4m") != 0)
    GTEST_SKIP() << "skipped: a small tmpfs cannot be mounted here";
  struct Unmount {
    base::fs::path path;
    ~Unmount() { umount2(path.c_str(), MNT_DETACH); }
  } unmount{folder.path};
  const FixedClock clock;
  std::uint64_t acknowledged = 0;
  {
    const auto log = open_log(folder.path, clock);
    ASSERT_TRUE(base::write_file(folder.path / "filler", std::string(2U << 20, 'x')));
    base::Status status;
    const std::string payload(100'000, 'p');
    while (acknowledged < 100) {
      const auto appended = log->append(batch(payload));
      if (!appended) {
        status = base::fail(appended.error());
        break;
      }
      ++acknowledged;
    }
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, base::Errc::full) << status.error().what;
    EXPECT_EQ(log->size(), acknowledged);
    base::fs::remove(folder.path / "filler");
    ASSERT_TRUE(log->append(batch(payload)));
    ++acknowledged;
  }
  const auto audit = tlog::verify_log(folder.path / "city", kOrigin, test_key().verifier());
  ASSERT_TRUE(audit) << audit.error().what;
  EXPECT_EQ(audit->entries, acknowledged);
  EXPECT_EQ(open_log(folder.path, clock)->size(), acknowledged);
}

TEST(EvidenceLog, names_an_entry_whose_payload_was_changed) {
  const Folder folder;
  const FixedClock clock;
  {
    ASSERT_TRUE(open_log(folder.path, clock)->append(batch(std::string(1000, 'p'))));
  }
  for (const auto& file : base::fs::directory_iterator(folder.path / "city" / "segments")) {
    if (file.path().extension() != ".seg") continue;
    std::string bytes = base::read_file(file.path()).value();
    const std::size_t at = bytes.find("pppp");
    ASSERT_NE(at, bytes.npos);
    bytes[at + 1] = 'q';
    std::ofstream(file.path(), std::ios::binary) << bytes;
  }
  const auto log = EvidenceLog::open(folder.path / "city", kOrigin, city(), test_key(), clock);
  const base::Error error = log ? (*log)->read(0).error() : log.error();
  EXPECT_EQ(error.code, base::Errc::corrupt) << error.what;
}

TEST(Evidence, keeps_one_log_an_organisation_and_one_of_its_own) {
  const Folder folder;
  const FixedClock clock;
  {
    const auto evidence = Evidence::open(folder.path, test_key(), clock, "test").value();
    EXPECT_EQ(evidence->logs().size(), 1U);
    EXPECT_EQ(evidence->centre().origin(), "test/evidence/centre");
    EXPECT_EQ(evidence->log(city()).error().code, base::Errc::not_found);
    ASSERT_TRUE(evidence->create(city()).value()->append(act("x")));
    EXPECT_EQ(evidence->create(city()).value(), evidence->log(city()).value());
    EXPECT_FALSE(Evidence::open(folder.path, test_key(), clock, "test"));
  }
  const auto evidence = Evidence::open(folder.path, test_key(), clock, "test").value();
  ASSERT_EQ(evidence->logs().size(), 2U);
  EXPECT_EQ(evidence->log(city()).value()->read(0).value().payload, "x");
  // Another organisation's folder in its place is noticed.
  base::fs::copy(folder.path / "city", folder.path / "hospital", base::fs::copy_options::recursive);
  EXPECT_FALSE(evidence->create(model::OrganisationId::parse("hospital").value()));
}

}  // namespace
}  // namespace hinomi::evidence
