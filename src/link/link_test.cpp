#include <hinomi/link/check.hpp>
#include <hinomi/link/door.hpp>
#include <hinomi/link/enrolment.hpp>
#include <hinomi/link/uplink.hpp>
#include <hinomi/net/server.hpp>
#include <hinomi/tlog/reader.hpp>
#include <hinomi/tlog/tlog.hpp>

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include <protozero/pbf_writer.hpp>

#include <mutex>

namespace hinomi::link {
namespace {

using base::Errc;
using base::fs::path;

const base::Time kStart = base::SystemClock().now();  // certificates are checked by OpenSSL against the real clock

class FakeClock final : public base::Clock {
 public:
  [[nodiscard]] base::Time now() const override { return {nanoseconds.load()}; }
  std::atomic<std::int64_t> nanoseconds = kStart.nanoseconds;
};

class Folder {
 public:
  Folder() : path_(base::fs::temp_directory_path() / fmt::format("hinomi_link_test_{}_{}", ::getpid(), ++count_)) {
    base::fs::remove_all(path_);
    base::fs::create_directories(path_);
  }
  ~Folder() { base::fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] path operator/(std::string_view name) const { return path_ / name; }

 private:
  static inline int count_ = 0;
  path path_;
};

std::string compress(std::string_view content) {
  std::string out(ZSTD_compressBound(content.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), content.data(), content.size(), 3));
  return out;
}

// A ledger as a probe writes it, over a real tile log.
class TestLedger {
 public:
  TestLedger(const path& folder, const model::SensorId& sensor, std::string origin, proof::SigningKey key)
      : sensor_(sensor), key_(std::move(key)), folder_(folder), origin_(std::move(origin)), log_(open()) {}

  [[nodiscard]] std::unique_ptr<tlog::TileLog> open() const {
    auto log = tlog::TileLog::open(folder_, {.origin = origin_}, key_);
    EXPECT_TRUE(log.has_value()) << (log ? "" : log.error().what);
    return std::move(*log);
  }

  // The next leaf, with that many events; what a test wants to be wrong, `change` makes wrong before it is logged.
  void record(std::uint64_t events, const std::function<void(Leaf&, std::string& content)>& change = {}) {
    Leaf leaf{.kind = static_cast<std::uint32_t>(events > 0 ? LeafKind::events : LeafKind::heartbeat),
              .sensor = sensor_,
              .epoch = epoch};
    std::vector<model::Event> list;
    for (std::uint64_t i = 0; i < events; ++i) {
      model::Event event;
      event.kind = model::EventKind::process_start;
      event.id = {sensor_, epoch, sequence + i + 1};
      event.source_time = event.observed_time = kStart;
      event.set(model::Field::process_executable, "/bin/true");
      list.push_back(event);
    }
    if (events > 0) {
      leaf.first_sequence = sequence + 1;
      leaf.last_sequence = sequence += events;
      leaf.counts[static_cast<std::uint32_t>(model::EventKind::process_start)] = events;
    }
    std::string content = model::encode_events(list);
    leaf.previous = previous_;
    if (change) change(leaf, content);
    const std::string salt = random_.bytes(32);
    const std::string frame = raw_frame.empty() ? compress(content) : raw_frame;
    leaf.frame_length = frame.size();
    leaf.frame_digest = base::sha256({salt, frame});
    const base::Bytes bytes = encode(leaf);
    previous_ = proof::leaf_hash(bytes);
    std::string payload;
    protozero::pbf_writer writer(payload);
    writer.add_string(1, salt);
    writer.add_string(2, frame);
    ASSERT_TRUE(log_->append(bytes, payload).has_value());
    stored.push_back({bytes, salt, frame});
    ASSERT_TRUE(log_->commit().has_value());
  }

  // Leaf `index` as it would be sent now to a centre that accepted `accepted` leaves' tree last.
  [[nodiscard]] Batch batch(std::uint64_t index, std::uint64_t accepted) const {
    Batch out{.organisation = organisation,
              .system = system,
              .sensor = sensor_,
              .leaf = stored[index].leaf,
              .leaf_index = index,
              .checkpoint = log_->signed_checkpoint().note,
              .consistent_with = accepted,
              .salt = stored[index].salt,
              .frame = stored[index].frame};
    const std::uint64_t size = log_->size();
    out.inclusion = log_->inclusion(index, size).value();
    if (accepted <= size) out.consistency = log_->consistency(accepted, size).value();
    return out;
  }

  [[nodiscard]] tlog::TileLog& log() const { return *log_; }
  [[nodiscard]] const proof::SigningKey& key() const { return key_; }

  model::OrganisationId organisation = model::OrganisationId::parse("city-hall").value();
  model::SystemId system = model::SystemId::parse("staff-pcs").value();
  std::uint64_t epoch = 7;
  std::uint64_t sequence = 0;
  std::string raw_frame;  // if set, instead of what would be made
  std::vector<StoredBatch> stored;

 private:
  model::SensorId sensor_;
  proof::SigningKey key_;
  path folder_;
  std::string origin_;
  base::SystemRandom random_;
  std::optional<proof::Hash> previous_;
  std::unique_ptr<tlog::TileLog> log_;
};

class Check : public testing::Test {
 protected:
  Check()
      : sensor_{base::Uuid::random(random_)},
        origin_("hinomi.local/ledger/" + sensor_.text()),
        ledger_(folder_ / "ledger", sensor_, origin_, proof::SigningKey::generate("ledger", random_)),
        sender_{ledger_.organisation, ledger_.system, sensor_, {}, "pc-1", origin_, ledger_.key().verifier()} {}

  // Accepts what must be acceptable.
  Accepted accept(const Batch& batch) {
    auto accepted = check_batch(sender_, progress_, encode(batch));
    EXPECT_TRUE(accepted.has_value()) << (accepted ? "" : accepted.error().error.what);
    if (!accepted) return {};
    progress_ = accepted->next;
    return std::move(*accepted);
  }
  Refusal refused(const Batch& batch) { return refused_bytes(encode(batch)); }
  Refusal refused_bytes(base::ByteView bytes) {
    auto accepted = check_batch(sender_, progress_, bytes);
    EXPECT_FALSE(accepted.has_value());
    return accepted ? Refusal{} : accepted.error();
  }

  base::SystemRandom random_;
  Folder folder_;
  model::SensorId sensor_;
  std::string origin_;
  TestLedger ledger_;
  Sender sender_;
  Progress progress_;
};

TEST_F(Check, accepts_leaf_after_leaf_with_growing_checkpoints) {
  ledger_.record(3);
  const Accepted first = accept(ledger_.batch(0, 0));
  EXPECT_EQ(first.events.size(), 3U);
  EXPECT_EQ(first.events[2].id, (model::EventId{sensor_, 7, 3}));
  ledger_.record(2);
  ledger_.record(1);
  EXPECT_EQ(accept(ledger_.batch(1, 1)).events.size(), 2U);
  EXPECT_EQ(progress_.checkpoint.size, 3U);
  EXPECT_EQ(accept(ledger_.batch(2, 3)).events.size(), 1U);
  EXPECT_EQ(progress_.last_sequence, 6U);
  EXPECT_EQ(progress_.leaves, 3U);
}

TEST_F(Check, a_heartbeat_and_a_dropped_payload_keep_the_indexes_contiguous) {
  ledger_.record(2);
  ledger_.record(0);
  ledger_.record(4);
  ledger_.record(1);
  accept(ledger_.batch(0, 0));
  EXPECT_TRUE(accept(ledger_.batch(1, 4)).events.empty());
  EXPECT_EQ(progress_.last_sequence, 2U);
  Batch dropped = ledger_.batch(2, 4);
  dropped.frame.clear();
  dropped.salt.clear();
  const Accepted missing = accept(dropped);
  EXPECT_TRUE(missing.payload_missing);
  EXPECT_EQ(missing.leaf.events(), 4U);
  EXPECT_FALSE(accept(ledger_.batch(3, 4)).payload_missing);
  EXPECT_EQ(progress_.last_sequence, 7U);
}

TEST_F(Check, a_new_epoch_begins_at_one_and_an_old_one_goes_on_without_gaps) {
  ledger_.record(3);
  accept(ledger_.batch(0, 0));
  ledger_.epoch = 8;
  ledger_.sequence = 0;
  ledger_.record(0);
  accept(ledger_.batch(1, 1));
  EXPECT_EQ(progress_.last_sequence, 0U);
  ledger_.record(2);
  accept(ledger_.batch(2, 2));
  ledger_.sequence += 1;
  ledger_.record(1);
  EXPECT_EQ(refused(ledger_.batch(3, 3)).error.code, Errc::conflict) << "a gap";
}

TEST_F(Check, an_epoch_that_does_not_begin_at_one_is_refused) {
  ledger_.sequence = 5;
  ledger_.record(1);
  EXPECT_EQ(refused(ledger_.batch(0, 0)).error.code, Errc::conflict);
}

TEST_F(Check, the_last_batch_again_is_a_replay_and_an_older_one_a_conflict) {
  ledger_.record(1);
  const Batch zero = ledger_.batch(0, 0);
  accept(zero);
  ledger_.record(1);
  const Batch one = ledger_.batch(1, 1);
  accept(one);
  const Progress before = progress_;
  EXPECT_TRUE(accept(one).replay);
  EXPECT_EQ(progress_, before);
  ledger_.record(1);
  EXPECT_TRUE(accept(ledger_.batch(1, 2)).replay) << "with a newer checkpoint, too";
  const Refusal older = refused(zero);
  EXPECT_EQ(older.error.code, Errc::conflict);
  EXPECT_FALSE(older.fork);
}

TEST_F(Check, a_batch_that_skips_one_is_a_conflict) {
  ledger_.record(1);
  ledger_.record(1);
  const Refusal skips = refused(ledger_.batch(1, 0));
  EXPECT_EQ(skips.error.code, Errc::conflict);
  EXPECT_FALSE(skips.fork);
}

TEST_F(Check, another_organisation_system_or_sensor_than_the_certificates_is_forbidden) {
  ledger_.record(1);
  Batch batch = ledger_.batch(0, 0);
  batch.organisation = model::OrganisationId::parse("hospital").value();
  EXPECT_EQ(refused(batch).error.code, Errc::forbidden);
  batch = ledger_.batch(0, 0);
  batch.system = model::SystemId::parse("servers").value();
  EXPECT_EQ(refused(batch).error.code, Errc::forbidden);
  batch = ledger_.batch(0, 0);
  batch.sensor = {base::Uuid::random(random_)};
  EXPECT_EQ(refused(batch).error.code, Errc::forbidden);
}

TEST_F(Check, a_leaf_of_another_sensor_is_forbidden_even_if_this_ledger_signed_it) {
  ledger_.record(1, [&](Leaf& leaf, std::string&) { leaf.sensor = {base::Uuid::random(random_)}; });
  EXPECT_EQ(refused(ledger_.batch(0, 0)).error.code, Errc::forbidden);
}

TEST_F(Check, a_checkpoint_that_another_key_signed_or_that_names_another_ledger_is_refused) {
  ledger_.record(1);
  const proof::Checkpoint real = ledger_.log().signed_checkpoint().checkpoint;
  Batch batch = ledger_.batch(0, 0);
  batch.checkpoint = proof::sign_checkpoint(real, proof::SigningKey::generate("ledger", random_));
  EXPECT_EQ(refused(batch).error.code, Errc::unauthenticated);
  proof::Checkpoint elsewhere = real;
  elsewhere.origin = "hinomi.local/ledger/other";
  batch.checkpoint = proof::sign_checkpoint(elsewhere, ledger_.key());
  EXPECT_EQ(refused(batch).error.code, Errc::forbidden);
  batch.checkpoint = "";
  EXPECT_EQ(refused(batch).error.code, Errc::malformed);
}

TEST_F(Check, a_batch_without_its_proofs_is_refused) {
  for (int i = 0; i < 3; ++i) ledger_.record(1);
  Batch batch = ledger_.batch(0, 0);
  batch.inclusion.clear();
  EXPECT_EQ(refused(batch).error.code, Errc::forbidden);
  batch = ledger_.batch(0, 0);
  batch.inclusion[0].octets[0] ^= 1;
  EXPECT_EQ(refused(batch).error.code, Errc::forbidden);
  accept(ledger_.batch(0, 0));
  ledger_.record(1);
  batch = ledger_.batch(1, 3);
  batch.consistency.clear();
  const Refusal proofless = refused(batch);
  EXPECT_EQ(proofless.error.code, Errc::malformed);
  EXPECT_FALSE(proofless.fork) << "a missing path shows nothing about the ledger";
  batch = ledger_.batch(1, 2);
  const Refusal elsewhere = refused(batch);
  EXPECT_EQ(elsewhere.error.code, Errc::conflict);
  EXPECT_FALSE(elsewhere.fork) << "a proof from another size is how a sender resumes wrongly, not a fork";
}

TEST_F(Check, a_ledger_that_goes_back_or_is_rewritten_is_a_fork) {
  ledger_.record(1);
  const Batch first = ledger_.batch(0, 0);
  ledger_.record(1);
  accept(ledger_.batch(0, 0));

  // Rewritten: the same key, the same beginning, another second leaf.
  TestLedger other(folder_ / "rewritten", sensor_, origin_, ledger_.key());
  other.record(1);
  other.record(2);
  other.record(2);
  Batch batch = other.batch(1, 2);
  const Refusal rewritten = refused(batch);
  EXPECT_TRUE(rewritten.fork) << rewritten.error.what;
  EXPECT_EQ(rewritten.error.code, Errc::conflict);

  // Went back: a checkpoint of size 1 after one of size 2, as from a restored snapshot.
  batch = ledger_.batch(1, 2);
  batch.checkpoint = first.checkpoint;
  batch.consistency.clear();
  EXPECT_TRUE(refused(batch).fork);

  // Another leaf in the place of the last accepted one.
  batch = other.batch(0, 0);
  EXPECT_TRUE(refused(batch).fork);

  progress_.forked = true;
  const Refusal after = refused(ledger_.batch(1, 2));
  EXPECT_TRUE(after.fork);
  EXPECT_EQ(after.error.code, Errc::forbidden) << "until a person settles it";
}

TEST_F(Check, a_leaf_that_does_not_name_the_one_before_is_refused) {
  ledger_.record(1);
  accept(ledger_.batch(0, 0));
  ledger_.record(1, [](Leaf& leaf, std::string&) { leaf.previous.reset(); });
  EXPECT_EQ(refused(ledger_.batch(1, 1)).error.code, Errc::conflict);
}

TEST_F(Check, a_frame_that_the_leaf_does_not_commit_to_is_refused_before_it_is_opened) {
  ledger_.record(1);
  Batch batch = ledger_.batch(0, 0);
  batch.frame = "not even zstd";
  EXPECT_EQ(refused(batch).error.code, Errc::forbidden);
  batch = ledger_.batch(0, 0);
  batch.salt[0] = static_cast<char>(batch.salt[0] ^ 1);
  EXPECT_EQ(refused(batch).error.code, Errc::forbidden);
  batch = ledger_.batch(0, 0);
  batch.salt.clear();
  EXPECT_EQ(refused(batch).error.code, Errc::malformed);
}

TEST_F(Check, what_is_in_the_frame_must_be_what_the_leaf_counts) {
  const auto first = [&](const std::function<void(Leaf&, std::string&)>& change) {
    static int number = 0;
    TestLedger ledger(folder_ / fmt::format("counts{}", ++number), sensor_, origin_, ledger_.key());
    ledger.record(2, change);
    return refused(ledger.batch(0, 0)).error.code;
  };
  EXPECT_EQ(first([](Leaf& leaf, std::string&) {
              leaf.counts[1] = 3;
              leaf.last_sequence = 3;
            }),
            Errc::malformed)
      << "more than there are";
  EXPECT_EQ(first([](Leaf& leaf, std::string&) { leaf.counts = {{2, 2}}; }), Errc::malformed) << "another kind";
  EXPECT_EQ(first([](Leaf& leaf, std::string&) { leaf.counts = {{1, 1}}; }), Errc::malformed)
      << "counts beside the range";
  EXPECT_EQ(first([](Leaf& leaf, std::string&) { leaf.counts = {{1, ~0ULL}, {2, 3}}; }), Errc::malformed)
      << "a sum that overflows";
  EXPECT_EQ(first([](Leaf&, std::string& content) { content = "\xff\xff\xff"; }), Errc::malformed) << "no events";
  EXPECT_EQ(first([](Leaf&, std::string& content) { content += content; }), Errc::malformed) << "twice";
}

TEST_F(Check, a_decompression_bomb_or_a_huge_window_is_refused) {
  ledger_.raw_frame = compress(std::string(17U << 20, 'x'));
  EXPECT_LT(ledger_.raw_frame.size(), 10'000U);
  ledger_.record(1);
  EXPECT_EQ(refused(ledger_.batch(0, 0)).error.code, Errc::too_large);

  // The same without a stated size.
  const auto stream = [](std::size_t size, int window_log) {
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    const std::string content(size, 'x');
    std::string out(ZSTD_compressBound(size), '\0');
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    ZSTD_inBuffer from{content.data(), content.size(), 0};
    while (ZSTD_compressStream2(context, &to, &from, ZSTD_e_continue) > 0 && from.pos < from.size) {
    }
    while (ZSTD_compressStream2(context, &to, &from, ZSTD_e_end) > 0) {
    }
    ZSTD_freeCCtx(context);
    out.resize(to.pos);
    return out;
  };
  EXPECT_EQ(decompress_frame(stream(17U << 20, 20)).error().code, Errc::too_large);
  EXPECT_EQ(decompress_frame(stream(1000, 27)).error().code, Errc::too_large) << "a window of 128 MiB";
  EXPECT_EQ(decompress_frame(stream(1000, 20)).value().size(), 1000U);
  const std::string good = compress("hello");
  EXPECT_EQ(decompress_frame(good.substr(0, good.size() - 1)).error().code, Errc::malformed);
  EXPECT_EQ(decompress_frame(good + good).error().code, Errc::malformed) << "bytes behind the end";
  EXPECT_EQ(decompress_frame("").error().code, Errc::malformed);
}

TEST_F(Check, bytes_that_are_no_batch_are_malformed_and_too_many_too_large) {
  ledger_.record(1);
  const std::string good = encode(ledger_.batch(0, 0));
  EXPECT_EQ(refused_bytes("").error.code, Errc::unsupported);
  EXPECT_EQ(refused_bytes(good.substr(0, good.size() / 2)).error.code, Errc::malformed);
  EXPECT_EQ(refused_bytes(std::string(kMaxBatch + 1, 'x')).error.code, Errc::too_large);
  Batch long_path = ledger_.batch(0, 0);
  long_path.inclusion.resize(65);
  EXPECT_EQ(refused(long_path).error.code, Errc::malformed);
  Batch bad_leaf = ledger_.batch(0, 0);
  bad_leaf.leaf = "x";
  EXPECT_EQ(refused(bad_leaf).error.code, Errc::malformed);
}

TEST_F(Check, no_byte_of_an_accepted_batch_can_be_changed) {
  ledger_.record(1);
  ledger_.record(1);
  const std::string good = encode(ledger_.batch(0, 0));
  ASSERT_TRUE(check_batch(sender_, progress_, good).has_value());
  int same = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x20);
    const auto accepted = check_batch(sender_, progress_, bad);
    // A changed tag may turn a field into one that is not known, and skipped; then what stays must be what was signed.
    if (!accepted) continue;
    ++same;
    EXPECT_EQ(accepted->leaf_hash, proof::leaf_hash(ledger_.stored[0].leaf)) << i;
    EXPECT_TRUE(accepted->payload_missing || accepted->events.size() == 1) << i;
  }
  EXPECT_LT(same, 4);
}

TEST_F(Check, progress_is_known_again_from_the_receipt) {
  ledger_.record(3);
  const Accepted accepted = accept(ledger_.batch(0, 0));
  const Receipt receipt = make_receipt(accepted, 4, base::sha256("entry"), kStart);
  EXPECT_EQ(decode_receipt(encode(receipt)).value(), receipt);
  Progress expected = progress_;
  expected.receipt_entry = 5;
  EXPECT_EQ(progress_of(receipt, 5).value(), expected);
}

// A centre's logs over real tile logs: what evidence does, without its threads.
class TestEvidence final : public BatchSink, public ActSink {
 public:
  TestEvidence(const path& folder, const FakeClock& clock)
      : clock_(clock),
        key_(proof::SigningKey::generate("hinomi.local", random_)),
        log_(std::move(tlog::TileLog::open(folder, {.origin = origin()}, key_).value())) {}

  static std::string origin() { return "hinomi.local/evidence/city-hall"; }

  base::Result<ReceiptAnswer> append(const Accepted& accepted, base::ByteView bytes, const Sender& sender) override {
    const std::scoped_lock lock(mutex_);
    if (trouble) return base::fail(*trouble, "the test says so");
    const std::string batch_leaf =
        leaf(1, sender.organisation.text(), sender.system.text(), sender.sensor.uuid.bytes(), "");
    const std::uint64_t batch_entry = TRY(log_->append(batch_leaf, bytes));
    const Receipt receipt = make_receipt(accepted, batch_entry, proof::leaf_hash(batch_leaf), clock_.now());
    const std::string receipt_leaf =
        leaf(2, sender.organisation.text(), sender.system.text(), sender.sensor.uuid.bytes(), encode(receipt));
    const std::uint64_t entry = TRY(log_->append(receipt_leaf, ""));
    TRY_VOID(log_->commit());
    receipts.emplace_back(entry, encode(receipt));
    return prove(entry);
  }
  base::Result<ReceiptAnswer> receipt(const model::OrganisationId&, std::uint64_t entry) override {
    const std::scoped_lock lock(mutex_);
    return prove(entry);
  }
  base::Result<std::vector<proof::Hash>> consistency(const model::OrganisationId&, std::uint64_t old_size,
                                                     std::uint64_t size) override {
    return log_->consistency(old_size, size);
  }
  base::Result<Identity> identity(const model::OrganisationId&) override {
    return Identity{origin(), key_.verifier().text()};
  }
  base::Result<base::Time> append(const model::OrganisationId& organisation, const std::optional<model::SystemId>&,
                                  const std::optional<model::SensorId>&, const access::Act& act) override {
    const std::scoped_lock lock(mutex_);
    TRY_VOID(log_->append(leaf(3, organisation.text(), "", "", access::encode(act)), ""));
    TRY_VOID(log_->commit());
    acts.push_back(act);
    return clock_.now();
  }

  std::optional<Errc> trouble;
  std::vector<std::pair<std::uint64_t, base::Bytes>> receipts;
  std::vector<access::Act> acts;
  [[nodiscard]] const proof::SigningKey& key() const { return key_; }
  [[nodiscard]] tlog::TileLog& log() const { return *log_; }

 private:
  base::Result<ReceiptAnswer> prove(std::uint64_t entry) const {
    const tlog::Signed checkpoint = log_->signed_checkpoint();
    ReceiptAnswer out{.entry = entry, .checkpoint = checkpoint.note};
    out.leaf = TRY(log_->leaf(entry));
    out.inclusion = TRY(log_->inclusion(entry, checkpoint.checkpoint.size));
    return out;
  }
  static std::string leaf(std::uint32_t kind, const std::string& organisation, const std::string& system,
                          base::ByteView sensor, const std::string& content) {
    std::string out;
    protozero::pbf_writer writer(out);
    writer.add_uint32(1, 1);
    writer.add_uint32(2, kind);
    writer.add_sfixed64(3, kStart.nanoseconds);
    writer.add_string(4, organisation);
    writer.add_string(5, system);
    writer.add_bytes(6, sensor.data(), sensor.size());
    writer.add_bytes(9, content);
    return out;
  }

  std::mutex mutex_;
  const FakeClock& clock_;
  base::SystemRandom random_;
  proof::SigningKey key_;
  std::unique_ptr<tlog::TileLog> log_;
};

// The ledger as the uplink reads it, through another process's eyes.
class TestSource final : public BatchSource {
 public:
  TestSource(TestLedger& ledger, const path& folder, const std::string& origin)
      : ledger_(ledger), reader_(std::move(tlog::LogReader::open(folder, origin, ledger.key().verifier()).value())) {}
  base::Result<std::uint64_t> refresh() override { return reader_->refresh(); }
  base::Result<StoredBatch> read(std::uint64_t index) override {
    StoredBatch out = ledger_.stored[index];
    if (dropped.contains(index)) out.frame.clear(), out.salt.clear();
    return out;
  }
  std::string checkpoint() override { return reader_->signed_checkpoint().note; }
  base::Result<std::vector<proof::Hash>> inclusion(std::uint64_t index, std::uint64_t size) override {
    return reader_->inclusion(index, size);
  }
  base::Result<std::vector<proof::Hash>> consistency(std::uint64_t old_size, std::uint64_t size) override {
    return reader_->consistency(old_size, size);
  }
  std::uint64_t acknowledged() override { return acknowledged_; }
  base::Status acknowledge(std::uint64_t index, const ReceiptAnswer&, const Receipt& receipt) override {
    if (fail_once) {
      fail_once = false;
      return base::fail(Errc::full, "the test says so");
    }
    EXPECT_EQ(receipt.leaf_index, index);
    acknowledged_ = index + 1;
    return {};
  }
  std::set<std::uint64_t> dropped;
  bool fail_once = false;

 private:
  TestLedger& ledger_;
  std::unique_ptr<tlog::LogReader> reader_;
  std::uint64_t acknowledged_ = 0;
};

// A centre on loopback with real TLS, and a machine that may enrol.
class Link : public testing::Test {
 protected:
  Link()
      : authority_(
            std::move(access::CertificateAuthority::open_or_create(folder_ / "ca", "hinomi.local", kStart).value())),
        evidence_(folder_ / "evidence", clock_) {
    make_door();
    serve();
  }

  void make_door() {
    door_ = std::make_unique<Door>(DoorOptions{.centre = "hinomi.local"}, access_, *authority_, evidence_, evidence_,
                                   clock_, random_);
  }
  void serve() {
    const auto certificate =
        authority_->issue_server({"127.0.0.1"}, kStart.plus_seconds(-3600), kStart.plus_seconds(86'400)).value();
    net::ServerOptions options;
    options.address = fmt::format("127.0.0.1:{}", port_);
    options.tls = net::ServerTls{certificate.chain_pem, certificate.key_pem, net::ClientCertificates::optional,
                                 authority_->certificate_pem()};
    options.workers = 2;
    auto server = net::Server::start(options, [this](const net::Request& request) {
      ++requests_;
      if (intercept_) {
        if (auto answer = intercept_(request)) return *answer;
      }
      return door_->handle(request);
    });
    ASSERT_TRUE(server.has_value()) << server.error().what;
    server_ = std::move(*server);
    port_ = server_->port();
  }
  access::EnrolmentToken token(std::uint32_t uses = 1) {
    access::EnrolmentToken made = access::make_token(
        random_, model::OrganisationId::parse("city-hall").value(), model::SystemId::parse("staff-pcs").value(),
        clock_.now().plus_seconds(3600), uses, authority_->sha256(), fmt::format("https://127.0.0.1:{}", port_));
    EXPECT_TRUE(access_.apply(access::token_act("operator", made.record()), clock_.now()).has_value());
    return made;
  }
  static EnrolmentOrder order(const access::EnrolmentToken& token, const LinkKey& key,
                              const proof::SigningKey& ledger) {
    const std::string request = key.request_pem();
    return {.token = token,
            .request_pem = request,
            .link_key = key.digest(),
            .ledger_vkey = ledger.verifier().text(),
            .ledger_signature = ledger.sign(ledger_proof_message(token.secret, request)),
            .host_name = "pc-1",
            .machine_id = "machine-1"};
  }
  // Enrols, and opens ledger and uplink.
  void bring_up() {
    const LinkKey key = LinkKey::generate();
    const proof::SigningKey ledger_key = proof::SigningKey::generate("ledger", random_);
    auto enrolled = enrol(order(token(), key, ledger_key));
    ASSERT_TRUE(enrolled.has_value()) << enrolled.error().what;
    enrolment_ = enrolled->enrolment;
    ASSERT_TRUE(LinkFolder(folder_ / "link").save(*enrolled, key).has_value());
    ledger_ = std::make_unique<TestLedger>(folder_ / "ledger", enrolment_.sensor, enrolment_.ledger_origin, ledger_key);
    ledger_->record(2);
    open_uplink();
  }
  void open_uplink() {
    source_ = source_ ? std::move(source_)
                      : std::make_unique<TestSource>(*ledger_, folder_ / "ledger", enrolment_.ledger_origin);
    auto uplink = Uplink::create({}, LinkFolder(folder_ / "link"), *source_, clock_, random_);
    ASSERT_TRUE(uplink.has_value()) << uplink.error().what;
    uplink_ = std::move(*uplink);
  }
  // Steps until there is nothing more to send; fails the test if that takes long.
  void drain() {
    for (int i = 0; i < 100; ++i) {
      uplink_->step();
      const UplinkStatus status = uplink_->status();
      if (status.state == UplinkState::idle) return;
    }
    FAIL() << to_json(uplink_->status());
  }

  base::SystemRandom random_;
  FakeClock clock_;
  Folder folder_;
  access::Access access_;
  std::unique_ptr<access::CertificateAuthority> authority_;
  TestEvidence evidence_;
  std::unique_ptr<Door> door_;
  std::uint16_t port_ = 0;
  std::atomic<int> requests_ = 0;
  std::function<std::optional<net::Response>(const net::Request&)> intercept_;
  std::unique_ptr<net::Server> server_;
  Enrolment enrolment_;
  std::unique_ptr<TestLedger> ledger_;
  std::unique_ptr<TestSource> source_;
  std::unique_ptr<Uplink> uplink_;
};

TEST_F(Link, a_token_a_link_key_and_a_ledger_key_make_a_sensor) {
  const LinkKey key = LinkKey::generate();
  const proof::SigningKey ledger_key = proof::SigningKey::generate("ledger", random_);
  const access::EnrolmentToken one = token();
  const auto enrolled = enrol(order(access::EnrolmentToken::parse(one.text()).value(), key, ledger_key));
  ASSERT_TRUE(enrolled.has_value()) << enrolled.error().what;
  EXPECT_EQ(enrolled->enrolment.organisation, one.organisation);
  EXPECT_EQ(enrolled->enrolment.host, make_host_id(one.organisation, "machine-1"));
  const auto sensor = access_.sensor(enrolled->enrolment.sensor);
  ASSERT_TRUE(sensor.has_value());
  EXPECT_EQ(sensor->link_key, key.digest());
  EXPECT_EQ(sensor->ledger_vkey, ledger_key.verifier().text());
  ASSERT_EQ(evidence_.acts.size(), 1U);
  EXPECT_EQ(evidence_.acts[0].json.find(base::to_base64url(one.secret)), std::string::npos);
  ASSERT_TRUE(LinkFolder(folder_ / "link").save(*enrolled, key).has_value());
  EXPECT_EQ(LinkFolder(folder_ / "link").load()->enrolment, enrolled->enrolment);
  struct stat status{};
  ASSERT_EQ(::stat((folder_ / "link/link.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(enrol(order(one, key, ledger_key)).error().code, Errc::forbidden) << "the token is used up";
}

TEST_F(Link, an_enrolment_without_proof_of_either_key_is_refused) {
  const LinkKey key = LinkKey::generate();
  const proof::SigningKey ledger_key = proof::SigningKey::generate("ledger", random_);
  const access::EnrolmentToken one = token();
  EnrolmentOrder other_signer = order(one, key, ledger_key);
  other_signer.ledger_signature =
      proof::SigningKey::generate("ledger", random_).sign(ledger_proof_message(one.secret, other_signer.request_pem));
  EXPECT_EQ(enrol(other_signer).error().code, Errc::forbidden);
  EnrolmentOrder other_request = order(one, key, ledger_key);
  other_request.request_pem = LinkKey::generate().request_pem();
  EXPECT_EQ(enrol(other_request).error().code, Errc::forbidden) << "the ledger key signed for another request";
  EnrolmentOrder no_request = order(one, key, ledger_key);
  no_request.request_pem = "nothing";
  no_request.ledger_signature = ledger_key.sign(ledger_proof_message(one.secret, "nothing"));
  EXPECT_EQ(enrol(no_request).error().code, Errc::malformed);
  EnrolmentOrder deceiving = order(one, key, ledger_key);
  deceiving.host_name = "pc\x1b[2J";
  EXPECT_EQ(enrol(deceiving).error().code, Errc::malformed);
  EXPECT_TRUE(access_.sensors().empty());
  EXPECT_TRUE(access_.usable_token(one.record().hash, clock_.now()).has_value()) << "nothing of that used the token up";
}

TEST_F(Link, unknown_and_expired_tokens_and_other_centres_are_refused) {
  const LinkKey key = LinkKey::generate();
  const proof::SigningKey ledger_key = proof::SigningKey::generate("ledger", random_);
  access::EnrolmentToken unknown = token();
  unknown.secret[0] = static_cast<char>(unknown.secret[0] ^ 1);
  EXPECT_EQ(enrol(order(unknown, key, ledger_key)).error().code, Errc::forbidden);
  const access::EnrolmentToken old = token();
  clock_.nanoseconds += 3'600'000'000'000;
  EXPECT_EQ(enrol(order(old, key, ledger_key)).error().code, Errc::forbidden);
  access::EnrolmentToken elsewhere = token();
  elsewhere.ca_sha256 = base::sha256("another CA");
  const int before = requests_;
  EXPECT_EQ(enrol(order(elsewhere, key, ledger_key)).error().code, Errc::unauthenticated);
  EXPECT_EQ(requests_, before) << "no byte was sent";
}

TEST_F(Link, without_a_certificate_only_enrolment_is_answered) {
  auto client =
      net::Client::create({.url = fmt::format("https://127.0.0.1:{}", port_), .ca_pem = authority_->certificate_pem()})
          .value();
  EXPECT_EQ(client->send({.method = "POST", .path = "/v1/batches", .body = "x"})->status, 401);
  EXPECT_EQ(client->send({.method = "GET", .path = "/v1/state"})->status, 401);
  EXPECT_EQ(client->send({.method = "POST", .path = "/v1/renew", .body = "{}"})->status, 401);
  EXPECT_EQ(client->send({.method = "POST", .path = "/v1/enrol", .body = "{"})->status, 400);
  EXPECT_EQ(client->send({.method = "POST", .path = "/v1/enrol", .body = R"({"token":"AAAA","request":1})"})->status,
            400);
  EXPECT_EQ(client->send({.method = "GET", .path = "/v1/batches"})->status, 404);
}

TEST_F(Link, what_the_ledger_holds_arrives_once_and_is_acknowledged_with_proof) {
  bring_up();
  ledger_->record(0);
  ledger_->record(3);
  source_->dropped.insert(2);
  ledger_->record(1);
  drain();
  EXPECT_EQ(source_->acknowledged(), 4U);
  EXPECT_EQ(evidence_.receipts.size(), 4U);
  EXPECT_EQ(door_->counters().missing_payloads, 1U);
  EXPECT_EQ(door_->counters().replays, 0U);
  EXPECT_EQ(door_->progress(enrolment_.sensor).last_sequence, 6U);
  EXPECT_GT(uplink_->status().evidence_size, 0U);
  // Later, after both restarted, the same evidence log has grown further.
  open_uplink();
  ledger_->record(1);
  drain();
  EXPECT_EQ(source_->acknowledged(), 5U);
  EXPECT_EQ(evidence_.receipts.size(), 5U);
}

TEST_F(Link, a_lost_answer_or_a_failed_acknowledgement_counts_nothing_twice) {
  bring_up();
  ledger_->record(1);
  // The batch is accepted, its answer never arrives.
  std::atomic<int> lost = 0;
  intercept_ = [&](const net::Request& request) -> std::optional<net::Response> {
    if (request.path != "/v1/batches" || lost++ > 0) return std::nullopt;
    (void)door_->handle(request);
    return net::Response{502, {}, "gone"};
  };
  uplink_->step();
  EXPECT_EQ(uplink_->status().state, UplinkState::waiting);
  EXPECT_EQ(source_->acknowledged(), 0U);
  source_->fail_once = true;
  drain();
  EXPECT_EQ(source_->acknowledged(), 2U);
  EXPECT_EQ(evidence_.receipts.size(), 2U);
  EXPECT_GE(door_->counters().replays, 1U);
}

TEST_F(Link, the_centre_knows_again_after_a_restart_how_far_each_sensor_has_come) {
  bring_up();
  drain();
  const Progress before = door_->progress(enrolment_.sensor);
  make_door();
  for (const auto& [entry, receipt] : evidence_.receipts)
    ASSERT_TRUE(door_->restore_receipt(enrolment_.sensor, receipt, entry).has_value());
  EXPECT_EQ(door_->progress(enrolment_.sensor), before);
  EXPECT_EQ(door_->restore_receipt(enrolment_.sensor, evidence_.receipts[0].second, 9).error().code, Errc::corrupt)
      << "the same receipt twice";
  ledger_->record(2);
  drain();
  EXPECT_EQ(source_->acknowledged(), 2U);
}

TEST_F(Link, an_answer_that_cannot_be_proven_is_not_believed) {
  bring_up();
  const auto tamper = [&](const std::function<void(ReceiptAnswer&)>& change) {
    intercept_ = [&, change](const net::Request& request) -> std::optional<net::Response> {
      if (request.path != "/v1/batches") return std::nullopt;
      net::Response response = door_->handle(request);
      auto answer = decode_answer(response.body);
      if (!answer) return response;
      change(*answer);
      response.body = encode(*answer);
      return response;
    };
    uplink_->step();
    EXPECT_EQ(uplink_->status().state, UplinkState::refused) << uplink_->status().trouble;
    EXPECT_EQ(source_->acknowledged(), 0U);
  };
  tamper([](ReceiptAnswer& answer) { answer.leaf.back() = static_cast<char>(answer.leaf.back() ^ 1); });
  tamper([](ReceiptAnswer& answer) { answer.inclusion.clear(); });
  tamper([](ReceiptAnswer& answer) { answer.entry += 1; });
  tamper([](ReceiptAnswer& answer) { answer.checkpoint = "x"; });
  tamper([&](ReceiptAnswer& answer) {
    answer.checkpoint = proof::sign_checkpoint(evidence_.log().signed_checkpoint().checkpoint,
                                               proof::SigningKey::generate("hinomi.local", random_));
  });
  intercept_ = {};
  drain();
  EXPECT_EQ(source_->acknowledged(), 1U);
}

TEST_F(Link, an_evidence_log_that_was_rewritten_or_goes_back_is_noticed) {
  bring_up();
  drain();
  ledger_->record(1);
  // The same key signs another history, longer than the one seen.
  TestEvidence other(folder_ / "other", clock_);
  const auto forge = [&](const proof::Checkpoint& checkpoint) {
    intercept_ = [&, checkpoint](const net::Request& request) -> std::optional<net::Response> {
      if (request.path != "/v1/batches") return std::nullopt;
      net::Response response = door_->handle(request);
      auto answer = decode_answer(response.body);
      if (!answer) return response;
      // A tree of the receipt's leaf alone.
      proof::Checkpoint forged = checkpoint;
      forged.origin = TestEvidence::origin();
      forged.root = proof::leaf_hash(answer->leaf);
      forged.size = 1;
      answer->entry = 0;
      answer->inclusion.clear();
      answer->checkpoint = proof::sign_checkpoint(forged, evidence_.key());
      response.body = encode(*answer);
      return response;
    };
    uplink_->step();
  };
  forge({});
  EXPECT_EQ(uplink_->status().state, UplinkState::refused);
  EXPECT_NE(uplink_->status().trouble.find("went back"), std::string::npos) << uplink_->status().trouble;
  EXPECT_EQ(source_->acknowledged(), 1U);
  // A longer one that does not contain what was seen.
  intercept_ = [&](const net::Request& request) -> std::optional<net::Response> {
    if (request.path != "/v1/batches") return std::nullopt;
    net::Response response = door_->handle(request);
    auto answer = decode_answer(response.body);
    if (!answer) return response;
    proof::CompactTree tree;
    for (int i = 0; i < 7; ++i) tree.append(base::sha256("other"));
    tree.append(proof::leaf_hash(answer->leaf));
    const proof::Hash left = [] {
      proof::CompactTree half;
      for (int i = 0; i < 4; ++i) half.append(base::sha256("other"));
      return half.root();
    }();
    const proof::Hash pair = proof::node_hash(base::sha256("other"), base::sha256("other"));
    answer->entry = 7;
    answer->inclusion = {base::sha256("other"), pair, left};
    answer->checkpoint = proof::sign_checkpoint({TestEvidence::origin(), 8, tree.root()}, evidence_.key());
    response.body = encode(*answer);
    return response;
  };
  uplink_->step();
  EXPECT_NE(uplink_->status().trouble.find("rewritten"), std::string::npos) << uplink_->status().trouble;
  EXPECT_EQ(source_->acknowledged(), 1U);
}

TEST_F(Link, a_centre_that_cannot_write_or_is_away_is_waited_for_and_nothing_is_lost) {
  bring_up();
  evidence_.trouble = Errc::full;
  const auto wait = uplink_->step();
  EXPECT_EQ(uplink_->status().state, UplinkState::waiting) << uplink_->status().trouble;
  EXPECT_GE(wait.count(), 5000) << "Retry-After";
  evidence_.trouble.reset();
  server_.reset();
  for (int i = 0; i < 12; ++i) {
    EXPECT_LE(uplink_->step().count(), 60'000);
    EXPECT_EQ(uplink_->status().state, UplinkState::waiting);
  }
  serve();
  drain();
  EXPECT_EQ(source_->acknowledged(), 1U);
  EXPECT_EQ(evidence_.receipts.size(), 1U);
}

TEST_F(Link, waits_jitter_over_the_whole_range_and_the_range_doubles) {
  bring_up();
  server_.reset();
  class Fixed final : public base::Random {
   public:
    base::Bytes bytes(std::size_t count) override { return base::Bytes(count, '\x00'); }
  };
  Fixed zero;
  auto uplink = Uplink::create({}, LinkFolder(folder_ / "link"), *source_, clock_, zero).value();
  EXPECT_EQ(uplink->step().count(), 0) << "jitter reaches down to nothing";
  std::int64_t largest = 0;
  for (int i = 0; i < 40; ++i) largest = std::max<std::int64_t>(largest, uplink_->step().count());
  EXPECT_GT(largest, 8'000);
  EXPECT_LE(largest, 60'000);
}

TEST_F(Link, a_revoked_sensor_is_refused_at_once) {
  bring_up();
  drain();
  ASSERT_TRUE(access_.apply(access::revocation_act("operator", enrolment_.sensor, "stolen"), clock_.now()).has_value());
  ledger_->record(1);
  uplink_->step();
  EXPECT_EQ(uplink_->status().state, UplinkState::refused);
  EXPECT_NE(uplink_->status().trouble.find("revoked"), std::string::npos);
  EXPECT_EQ(evidence_.receipts.size(), 1U);
}

TEST_F(Link, one_sensors_certificate_does_not_speak_for_another) {
  bring_up();
  drain();
  // A second sensor, whose folder then claims to be the first.
  const LinkKey key = LinkKey::generate();
  const auto second = enrol(order(token(), key, proof::SigningKey::generate("ledger", random_)));
  ASSERT_TRUE(second.has_value());
  auto client = net::Client::create({.url = enrolment_.url,
                                     .ca_pem = second->ca_pem,
                                     .certificate_pem = second->certificate_pem,
                                     .key_pem = key.pem()})
                    .value();
  ledger_->record(1);
  const auto answer = client->send({.method = "POST", .path = "/v1/batches", .body = encode(ledger_->batch(1, 1))});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 403);
  EXPECT_EQ(evidence_.receipts.size(), 1U);
}

TEST_F(Link, a_fork_is_kept_as_an_act_and_outlives_a_restart) {
  bring_up();
  ledger_->record(1);
  drain();
  TestLedger rewritten(folder_ / "rewritten", enrolment_.sensor, enrolment_.ledger_origin, ledger_->key());
  for (int i = 0; i < 4; ++i) rewritten.record(2);
  const LinkFolder::Content content = LinkFolder(folder_ / "link").load().value();
  auto client = connect_over({})(content).value();
  const auto answer = client->send({.method = "POST", .path = "/v1/batches", .body = encode(rewritten.batch(2, 2))});
  ASSERT_TRUE(answer.has_value()) << answer.error().what;
  EXPECT_EQ(answer->status, 409);
  EXPECT_NE(answer->body.find(R"("fork":true)"), std::string::npos) << answer->body;
  EXPECT_NE(answer->body.find(R"("accepted":{"leaves":2,"tree_size":2})"), std::string::npos) << answer->body;
  ASSERT_EQ(evidence_.acts.back().kind, "fork");
  EXPECT_EQ(door_->counters().forks, 1U);

  make_door();
  for (const auto& [entry, receipt] : evidence_.receipts)
    ASSERT_TRUE(door_->restore_receipt(enrolment_.sensor, receipt, entry).has_value());
  for (const access::Act& act : evidence_.acts) ASSERT_TRUE(door_->restore_act(act).has_value());
  ledger_->record(1);
  uplink_->step();
  EXPECT_EQ(uplink_->status().state, UplinkState::refused);
  ASSERT_TRUE(door_->restore_act(fork_settled_act("operator", enrolment_.sensor)).has_value());
  open_uplink();
  drain();
  EXPECT_EQ(source_->acknowledged(), 3U);
}

TEST_F(Link, a_ledger_behind_the_centre_says_so_and_sends_nothing) {
  bring_up();
  ledger_->record(1);
  drain();
  // As from a restored snapshot: the same key, fewer leaves.
  TestLedger restored(folder_ / "restored", enrolment_.sensor, enrolment_.ledger_origin, ledger_->key());
  restored.record(2);
  TestSource source(restored, folder_ / "restored", enrolment_.ledger_origin);
  auto uplink = Uplink::create({}, LinkFolder(folder_ / "link"), source, clock_, random_).value();
  uplink->step();
  EXPECT_EQ(uplink->status().state, UplinkState::refused);
  EXPECT_NE(uplink->status().trouble.find("went back"), std::string::npos) << uplink->status().trouble;
}

TEST_F(Link, a_certificate_is_renewed_in_its_last_third_and_for_the_same_key_alone) {
  bring_up();
  drain();
  const base::Time before = uplink_->status().certificate_not_after;
  clock_.nanoseconds += 21LL * 86'400 * 1'000'000'000;
  uplink_->step();
  EXPECT_GT(uplink_->status().certificate_not_after, before) << uplink_->status().trouble;
  EXPECT_EQ(evidence_.acts.back().kind, "renewal");
  ledger_->record(1);
  open_uplink();
  const LinkFolder::Content content = LinkFolder(folder_ / "link").load().value();
  EXPECT_EQ(validity_of(content.certificate_pem)->not_after, uplink_->status().certificate_not_after);
  const net::Request other{.method = "POST", .path = "/v1/renew", .body = fmt::format(R"({{"request":"{}"}})", [] {
                                                                    std::string pem = LinkKey::generate().request_pem();
                                                                    for (std::size_t at = 0;
                                                                         (at = pem.find('\n', at)) != std::string::npos;
                                                                         at += 2)
                                                                      pem.replace(at, 1, "\\n");
                                                                    return pem;
                                                                  }())};
  // The renewed certificate begins in the future of the real clock's handshake; ask the door itself, with the peer it would see.
  net::Request asked = other;
  asked.peer.certificate =
      net::PeerCertificate{.organisation = "city-hall",
                           .organisational_unit = "staff-pcs",
                           .common_name = enrolment_.sensor.text(),
                           .uris = {access::sensor_uri(enrolment_.organisation, enrolment_.system, enrolment_.sensor)},
                           .serial = *access_.sensor(enrolment_.sensor)->serials.begin(),
                           .not_after = clock_.now().plus_seconds(60)};
  EXPECT_EQ(door_->handle(asked).status, 403);
  asked.peer.certificate->not_after = clock_.now();
  EXPECT_NE(door_->handle(asked).body.find("expired"), std::string::npos);
  asked.peer.certificate->not_after = clock_.now().plus_seconds(60);
  asked.peer.certificate->serial = "1";
  EXPECT_NE(door_->handle(asked).body.find("not one that was issued"), std::string::npos);
}

}  // namespace
}  // namespace hinomi::link
