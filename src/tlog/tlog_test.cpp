#include <hinomi/proof/tile.hpp>
#include <hinomi/tlog/reader.hpp>
#include <hinomi/tlog/tlog.hpp>
#include <hinomi/tlog/verify.hpp>

#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <thread>

namespace hinomi::tlog {
namespace {

namespace fs = base::fs;
using base::Bytes;
using base::Errc;

constexpr std::string_view kOrigin = "hinomi.test/evidence/a";

proof::SigningKey new_key() {
  base::SystemRandom random;
  return proof::SigningKey::generate(std::string(kOrigin), random);
}

const proof::SigningKey& key() {
  static const proof::SigningKey made = new_key();
  return made;
}

class Folder {
 public:
  Folder() {
    // In memory where that is possible: these tests cut and flip bytes; test/power/ is about disks.
    const fs::path root = fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path();
    std::string name = (root / "hinomi-tlog-test.XXXXXX").string();
    HINOMI_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

Options small(std::size_t segment_bytes = 64U << 20) {
  return {.origin = std::string(kOrigin), .segment_bytes = segment_bytes};
}

Bytes leaf_at(std::uint64_t index) { return fmt::format("leaf {}", index); }
Bytes payload_at(std::uint64_t index) { return fmt::format("payload {} {}", index, Bytes(index % 97, 'p')); }

std::unique_ptr<TileLog> open_log(const fs::path& folder, Options options = small()) {
  auto log = TileLog::open(folder, std::move(options), key());
  EXPECT_TRUE(log.has_value()) << (log ? "" : log.error().what);
  return log ? std::move(*log) : nullptr;
}

// One group of `count` entries.
Signed grow(TileLog& log, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto index = log.append(leaf_at(log.size() + i), payload_at(log.size() + i));
    EXPECT_EQ(index.value(), log.size() + i);
  }
  return log.commit().value();
}

proof::Hash expected_root(std::uint64_t size) {
  proof::CompactTree tree;
  for (std::uint64_t i = 0; i < size; ++i) tree.append(proof::leaf_hash(leaf_at(i)));
  return tree.root();
}

template <class Log>
void expect_holds(const Log& log, std::uint64_t size) {
  ASSERT_EQ(log.size(), size);
  EXPECT_EQ(log.signed_checkpoint().checkpoint.size, size);
  EXPECT_EQ(log.signed_checkpoint().checkpoint.root, expected_root(size));
  for (std::uint64_t i = 0; i < size; ++i) {
    ASSERT_EQ(log.leaf(i).value(), leaf_at(i));
    ASSERT_EQ(log.payload(i).value(), payload_at(i));
  }
  EXPECT_EQ(log.leaf(size).error().code, Errc::not_found);
  EXPECT_EQ(log.payload(size).error().code, Errc::not_found);
}

base::Result<Audit> audit(const fs::path& folder, const EntryCheck& check = {}) {
  return verify_log(folder, kOrigin, key().verifier(), check);
}

std::vector<fs::path> files_of(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) out.push_back(entry.path());
  return out;
}

fs::path newest_segment(const fs::path& folder) {
  fs::path newest;
  for (const fs::path& path : files_of(folder / "segments"))
    if (path.extension() == ".seg" && path > newest) newest = path;
  return newest;
}

void overwrite(const fs::path& path, const Bytes& content) {
  ASSERT_TRUE(base::write_file(path, content, base::Durability::renamed).has_value());
}

TEST(TileLog, begins_empty_with_a_signed_checkpoint) {
  const Folder folder;
  const auto log = open_log(folder.path());
  EXPECT_EQ(log->size(), 0);
  EXPECT_EQ(log->signed_checkpoint().checkpoint.root, proof::empty_root());
  EXPECT_EQ(
      proof::open_checkpoint(base::read_file(folder.path() / "checkpoint").value(), key().verifier(), kOrigin)->size,
      0);
  EXPECT_EQ(log->commit()->checkpoint.size, 0) << "a commit without entries changes nothing";
  EXPECT_EQ(audit(folder.path())->entries, 0);
}

TEST(TileLog, gives_back_what_was_committed_and_shows_nothing_before) {
  const Folder folder;
  auto log = open_log(folder.path());
  ASSERT_EQ(log->append("leaf 0", payload_at(0)).value(), 0);
  EXPECT_EQ(log->size(), 0);
  EXPECT_EQ(log->leaf(0).error().code, Errc::not_found);
  EXPECT_EQ(log->payload(0).error().code, Errc::not_found);
  ASSERT_TRUE(log->commit().has_value());
  grow(*log, 300);
  grow(*log, 1);
  expect_holds(*log, 302);
  log.reset();
  log = open_log(folder.path());
  expect_holds(*log, 302);
  grow(*log, 211);
  expect_holds(*log, 513);
  const auto checked = audit(folder.path());
  ASSERT_TRUE(checked.has_value()) << checked.error().what;
  EXPECT_EQ(checked->entries, 513);
  EXPECT_EQ(checked->payloads, 513);
}

TEST(TileLog, forgets_what_was_rolled_back) {
  const Folder folder;
  const auto log = open_log(folder.path());
  grow(*log, 3);
  ASSERT_TRUE(log->append("not this", Bytes(3U << 20, 'x')).has_value());
  log->rollback();
  grow(*log, 2);
  expect_holds(*log, 5);
  EXPECT_EQ(audit(folder.path())->entries, 5);
}

TEST(TileLog, proves_inclusion_and_consistency_at_every_size) {
  const Folder folder;
  const auto log = open_log(folder.path(), small(4096));
  std::vector<proof::Hash> roots = {proof::empty_root()};
  for (std::uint64_t size = 1; size <= 600; ++size) roots.push_back(grow(*log, 1).checkpoint.root);
  for (const std::uint64_t size : {1U, 2U, 255U, 256U, 257U, 511U, 512U, 513U, 599U, 600U}) {
    EXPECT_EQ(log->root(size).value(), roots[size]);
    for (std::uint64_t index = 0; index < size; index += 7) {
      const auto path = log->inclusion(index, size).value();
      EXPECT_TRUE(
          proof::verify_inclusion(proof::leaf_hash(leaf_at(index)), index, size, path, roots[size]).has_value());
    }
    for (std::uint64_t old = 0; old <= size; old += 5) {
      const auto path = log->consistency(old, size).value();
      EXPECT_TRUE(proof::verify_consistency(old, roots[old], size, roots[size], path).has_value());
    }
  }
  EXPECT_EQ(log->root(601).error().code, Errc::invalid_argument);
  EXPECT_EQ(log->inclusion(0, 601).error().code, Errc::invalid_argument);
}

TEST(TileLog, fills_tiles_of_the_second_level) {
  const Folder folder;
  auto log = open_log(folder.path(), small(1U << 20));
  while (log->size() < 66'000) grow(*log, 1000);
  const proof::Hash root = expected_root(66'000);
  EXPECT_EQ(log->root(66'000).value(), root);
  log.reset();
  log = open_log(folder.path(), small(1U << 20));
  EXPECT_EQ(log->root(66'000).value(), root);
  EXPECT_TRUE(fs::exists(folder.path() / "tile/1/000"));
  EXPECT_TRUE(fs::exists(folder.path() / "tile/2/000.p/1"));
  for (const std::uint64_t index : {0U, 65'535U, 65'536U, 65'999U}) {
    const auto path = log->inclusion(index, 66'000).value();
    EXPECT_TRUE(proof::verify_inclusion(proof::leaf_hash(leaf_at(index)), index, 66'000, path, root).has_value());
    EXPECT_EQ(log->payload(index).value(), payload_at(index));
  }
  EXPECT_EQ(audit(folder.path())->entries, 66'000);
}

TEST(TileLog, writes_the_tiles_and_bundles_of_c2sp) {
  const Folder folder;
  const auto log = open_log(folder.path());
  grow(*log, 255);
  EXPECT_TRUE(fs::exists(folder.path() / "tile/0/000.p/255"));
  EXPECT_TRUE(fs::exists(folder.path() / "tile/entries/000.p/255"));
  grow(*log, 4);
  const Bytes tile = base::read_file(folder.path() / "tile/0/000").value();
  ASSERT_EQ(tile.size(), 8192);
  EXPECT_EQ(tile.substr(32 * 7, 32), proof::leaf_hash(leaf_at(7)).bytes());
  const Bytes bundle = base::read_file(folder.path() / "tile/entries/000").value();
  EXPECT_EQ(proof::parse_entries(bundle, 256).value()[255], leaf_at(255));
  EXPECT_EQ(base::read_file(folder.path() / "tile/1/000.p/1").value(), log->root(256)->bytes());
  EXPECT_TRUE(fs::exists(folder.path() / "tile/0/001.p/3"));
  EXPECT_FALSE(fs::exists(folder.path() / "tile/0/000.p")) << "the partial forms of a full tile go";
}

TEST(TileLog, writes_partial_tiles_at_flush_if_asked) {
  const Folder folder;
  Options options = small();
  options.tiles_at_commit = false;
  const auto log = open_log(folder.path(), options);
  grow(*log, 300);
  EXPECT_TRUE(fs::exists(folder.path() / "tile/0/000"));
  EXPECT_FALSE(fs::exists(folder.path() / "tile/0/001.p/44"));
  EXPECT_TRUE(audit(folder.path()).has_value());
  ASSERT_TRUE(log->flush().has_value());
  EXPECT_TRUE(fs::exists(folder.path() / "tile/0/001.p/44"));
  EXPECT_TRUE(audit(folder.path()).has_value());
}

TEST(TileLog, refuses_what_is_over_its_limits) {
  const Folder folder;
  const auto log = open_log(folder.path());
  EXPECT_EQ(log->append(Bytes(kMaxLeaf + 1, 'l'), "").error().code, Errc::too_large);
  EXPECT_EQ(log->append("l", Bytes(kMaxPayload + 1, 'p')).error().code, Errc::too_large);
  ASSERT_TRUE(log->append(Bytes(kMaxLeaf, 'l'), Bytes(kMaxPayload, 'p')).has_value());
  ASSERT_TRUE(log->append("", "").has_value());
  ASSERT_TRUE(log->commit().has_value());
  EXPECT_EQ(log->leaf(0)->size(), kMaxLeaf);
  EXPECT_EQ(log->payload(0)->size(), kMaxPayload);
  EXPECT_EQ(log->payload(1).value(), "");
  EXPECT_EQ(audit(folder.path())->payloads, 2);
}

TEST(TileLog, has_one_writer) {
  const Folder folder;
  const auto log = open_log(folder.path());
  EXPECT_EQ(TileLog::open(folder.path(), small(), key()).error().code, Errc::conflict);
}

TEST(TileLog, is_not_opened_with_another_key_or_origin) {
  const Folder folder;
  grow(*open_log(folder.path()), 3);
  EXPECT_EQ(TileLog::open(folder.path(), small(), new_key()).error().code, Errc::unauthenticated);
  EXPECT_EQ(TileLog::open(folder.path(), {.origin = "another"}, key()).error().code, Errc::forbidden);
  EXPECT_EQ(TileLog::open(folder.path(), {.origin = "two\nlines"}, key()).error().code, Errc::invalid_argument);
}

TEST(Segments, turn_over_and_stay_readable) {
  const Folder folder;
  auto log = open_log(folder.path(), small(2000));
  for (int i = 0; i < 100; ++i) grow(*log, 7);
  EXPECT_GT(std::ranges::count_if(files_of(folder.path() / "segments"),
                                  [](const fs::path& p) { return p.extension() == ".seg"; }),
            20);
  expect_holds(*log, 700);
  log.reset();
  log = open_log(folder.path(), small(2000));
  expect_holds(*log, 700);
  EXPECT_GT(audit(folder.path())->segments, 20);
  for (const fs::path& path : files_of(folder.path() / "segments"))
    if (path.extension() == ".idx") fs::remove(path);
  log.reset();
  log = open_log(folder.path(), small(2000));
  expect_holds(*log, 700);
}

TEST(Segments, that_expire_take_their_payloads_and_nothing_else) {
  const Folder folder;
  auto log = open_log(folder.path(), small(2000));
  for (int i = 0; i < 100; ++i) grow(*log, 7);
  const std::uint64_t before = log->payload_bytes();
  const std::uint64_t first = log->drop_payloads_before(350).value();
  EXPECT_LE(first, 350);
  EXPECT_GT(first, 300);
  EXPECT_LT(log->payload_bytes(), before);
  const auto check = [&] {
    EXPECT_EQ(log->first_payload(), first);
    EXPECT_EQ(log->payload(first - 1).error().code, Errc::not_found);
    EXPECT_EQ(log->payload(first).value(), payload_at(first));
    for (std::uint64_t i = 0; i < 700; ++i) ASSERT_EQ(log->leaf(i).value(), leaf_at(i));
    EXPECT_EQ(log->root(700).value(), expected_root(700));
    const auto checked = audit(folder.path());
    ASSERT_TRUE(checked.has_value()) << checked.error().what;
    EXPECT_EQ(checked->first_payload, first);
    EXPECT_EQ(checked->payloads, 700 - first);
  };
  check();
  log.reset();
  log = open_log(folder.path(), small(2000));
  check();
  EXPECT_GT(log->drop_payloads_before(1'000'000).value(), 600) << "the newest segment stays";
  EXPECT_TRUE(audit(folder.path()).has_value());
}

// A log of five groups and a checkpoint of four: what a power cut right behind the fifth sync may leave.
class Torn : public ::testing::Test {
 protected:
  void SetUp() override {
    auto log = open_log(made_.path());
    for (const int count : {3, 1, 4, 1}) grow(*log, count);
    old_checkpoint_ = base::read_file(made_.path() / "checkpoint").value();
    whole_before_ = fs::file_size(newest_segment(made_.path()));
    grow(*log, 5);
    segment_ = base::read_file(newest_segment(made_.path())).value();
    checkpoint_ = base::read_file(made_.path() / "checkpoint").value();
  }
  // A copy of the log with this segment and this checkpoint ("" for none).
  void lay_out(const Bytes& segment, const Bytes& checkpoint) {
    fs::remove_all(copy_.path() / "log");
    fs::copy(made_.path(), copy_.path() / "log", fs::copy_options::recursive);
    overwrite(newest_segment(log_folder()), segment);
    if (checkpoint.empty()) fs::remove(log_folder() / "checkpoint");
    else overwrite(log_folder() / "checkpoint", checkpoint);
  }
  [[nodiscard]] fs::path log_folder() const { return copy_.path() / "log"; }

  Folder made_;
  Folder copy_;
  Bytes segment_;
  Bytes checkpoint_;
  Bytes old_checkpoint_;
  std::size_t whole_before_ = 0;
};

TEST_F(Torn, a_group_cut_anywhere_is_gone_whole_and_the_log_goes_on) {
  for (std::size_t length = whole_before_; length < segment_.size(); ++length) {
    lay_out(segment_.substr(0, length), old_checkpoint_);
    auto log = open_log(log_folder());
    ASSERT_NE(log, nullptr);
    expect_holds(*log, 9);
    grow(*log, 2);
    expect_holds(*log, 11);
    ASSERT_TRUE(audit(log_folder()).has_value()) << length;
  }
  lay_out(segment_, old_checkpoint_);
  expect_holds(*open_log(log_folder()), 14);
}

TEST_F(Torn, a_group_with_a_page_of_zeros_is_gone_whole) {
  for (std::size_t at = whole_before_; at < segment_.size(); at += 3) {
    Bytes torn = segment_;
    torn[at] = static_cast<char>(torn[at] ^ 0x55);
    lay_out(torn, old_checkpoint_);
    const auto log = open_log(log_folder());
    ASSERT_NE(log, nullptr) << at;
    expect_holds(*log, 9);
  }
}

TEST_F(Torn, what_a_signed_checkpoint_covers_is_never_cut) {
  for (std::size_t length = 0; length < segment_.size(); ++length) {
    lay_out(segment_.substr(0, length), checkpoint_);
    const auto log = TileLog::open(log_folder(), small(), key());
    ASSERT_FALSE(log.has_value()) << length;
    ASSERT_EQ(log.error().code, Errc::corrupt) << log.error().what;
    EXPECT_NE(log.error().what.find("segment 0000000000000000: "), std::string::npos) << log.error().what;
    EXPECT_NE(log.error().what.find("entry "), std::string::npos) << log.error().what;
    EXPECT_EQ(fs::file_size(newest_segment(log_folder())), length) << "nothing is cut from a corrupt log";
  }
}

TEST_F(Torn, damage_before_a_later_group_is_corruption_even_without_a_checkpoint) {
  for (std::size_t at = 0; at < whole_before_; ++at) {
    Bytes damaged = segment_;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    lay_out(damaged, "");
    const auto log = TileLog::open(log_folder(), small(), key());
    ASSERT_FALSE(log.has_value()) << at;
    ASSERT_EQ(log.error().code, Errc::corrupt) << log.error().what;
  }
}

TEST_F(Torn, a_torn_checkpoint_file_is_made_again) {
  for (const std::size_t length : {std::size_t{0}, std::size_t{20}, checkpoint_.size() - 1}) {
    lay_out(segment_, checkpoint_);
    overwrite(log_folder() / "checkpoint", checkpoint_.substr(0, length));
    expect_holds(*open_log(log_folder()), 14);
    EXPECT_EQ(base::read_file(log_folder() / "checkpoint").value(), checkpoint_);
  }
}

TEST_F(Torn, a_segment_whose_beginning_is_torn_is_begun_again) {
  lay_out(segment_, checkpoint_);
  overwrite(log_folder() / "segments/000000000000000e.seg", segment_.substr(0, 30));
  auto log = open_log(log_folder());
  expect_holds(*log, 14);
  grow(*log, 1);
  EXPECT_TRUE(audit(log_folder()).has_value());
}

TEST(Recovery, makes_tiles_and_bundles_anew) {
  const Folder folder;
  grow(*open_log(folder.path()), 600);
  fs::remove_all(folder.path() / "tile");
  expect_holds(*open_log(folder.path()), 600);
  EXPECT_TRUE(audit(folder.path()).has_value());
}

TEST(Audit, finds_any_changed_byte_in_any_file) {
  const Folder folder;
  {
    auto log = open_log(folder.path(), small(8000));
    for (int i = 0; i < 30; ++i) grow(*log, 9);
  }
  ASSERT_TRUE(audit(folder.path()).has_value());
  for (const fs::path& path : files_of(folder.path())) {
    if (path.filename() == "lock" || path.extension() == ".idx") continue;
    if (path.parent_path().extension() == ".p" && path.filename() != "14" && path.filename() != "1") continue;
    const Bytes content = base::read_file(path).value();
    const std::size_t step = std::max<std::size_t>(1, content.size() / 150);
    for (std::size_t at = 0; at < content.size(); at += step) {
      Bytes changed = content;
      changed[at] = static_cast<char>(changed[at] ^ 0x10);
      overwrite(path, changed);
      const auto found = audit(folder.path());
      ASSERT_FALSE(found.has_value()) << path << " byte " << at;
    }
    overwrite(path, content.substr(0, content.size() - 1));
    ASSERT_FALSE(audit(folder.path()).has_value()) << path << " cut short";
    overwrite(path, content);
  }
  ASSERT_TRUE(audit(folder.path()).has_value());
}

TEST(Audit, hands_every_entry_to_its_caller_and_stops_when_told) {
  const Folder folder;
  {
    auto log = open_log(folder.path(), small(3000));
    for (int i = 0; i < 60; ++i) grow(*log, 10);
    ASSERT_TRUE(log->drop_payloads_before(300).has_value());
  }
  std::uint64_t next = 0;
  std::uint64_t first_payload = 600;
  const auto checked =
      audit(folder.path(), [&](std::uint64_t index, base::ByteView leaf, const auto& payload) -> base::Status {
        EXPECT_EQ(index, next++);
        EXPECT_EQ(leaf, leaf_at(index));
        if (payload) first_payload = std::min(first_payload, index);
        if (payload) EXPECT_EQ(*payload, payload_at(index));
        return {};
      });
  EXPECT_EQ(next, 600);
  EXPECT_EQ(checked->first_payload, first_payload);
  const auto stopped = audit(folder.path(), [&](std::uint64_t index, base::ByteView, const auto&) -> base::Status {
    if (index == 42) return base::fail(Errc::forbidden, "no");
    return {};
  });
  EXPECT_EQ(stopped.error().what, "entry 42: no");
}

TEST(FailedSync, takes_the_group_and_refuses_all_further_appends) {
  const Folder folder;
  int syncs_left = 1000;
  Options options = small();
  options.sync = [&](int fd) {
    if (syncs_left-- > 0) return ::fdatasync(fd);
    errno = EIO;
    return -1;
  };
  auto log = open_log(folder.path(), options);
  grow(*log, 4);
  syncs_left = 0;
  ASSERT_TRUE(log->append("lost", "lost").has_value());
  EXPECT_EQ(log->commit().error().code, Errc::io);
  expect_holds(*log, 4);
  syncs_left = 1000;
  EXPECT_EQ(log->append("again", "").error().code, Errc::io) << "a sync that works again proves nothing";
  EXPECT_EQ(log->commit().error().code, Errc::io);
  log.reset();
  log = open_log(folder.path());
  expect_holds(*log, 4);
  grow(*log, 1);
  expect_holds(*log, 5);
}

// A disk that is really full: a small tmpfs in a mount namespace of a child's own. Exit codes name the step that
// failed.
int fill_a_disk(const fs::path& mount_point) {
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=2m") != 0)
    return 77;
  auto opened = TileLog::open(mount_point / "log", small(256U << 10), key());
  if (!opened) return 10;
  TileLog& log = **opened;
  const Bytes ballast(200'000, 'b');
  const base::Descriptor filler(::open((mount_point / "filler").c_str(), O_RDWR | O_CREAT, 0600));
  std::uint64_t committed = 0;
  bool was_full = false;
  for (int i = 0; i < 30 && !was_full; ++i) {
    bool appended = true;
    for (int k = 0; k < 4; ++k)
      appended = appended && log.append(leaf_at(committed + static_cast<unsigned>(k)), ballast).has_value();
    const auto done = log.commit();
    if (done && !appended) return 11;
    if (done) committed += 4;
    else if (done.error().code == Errc::full) was_full = true;
    else return 12;
    if (log.size() != committed) return 13;
  }
  if (!was_full || committed == 0) return 14;
  // Still readable, still usable for what fits once there is room: retention makes it.
  for (std::uint64_t i = 0; i < committed; ++i)
    if (log.leaf(i).value() != leaf_at(i) || log.payload(i).value() != ballast) return 15;
  if (!log.drop_payloads_before(committed)) return 16;
  for (int i = 0; i < 20; ++i) {
    if (!log.append(leaf_at(committed), "small")) return 17;
    if (!log.commit()) return 18;
    ++committed;
  }
  if (log.root(committed).value() != expected_root(committed)) return 19;
  opened->reset();
  const auto checked = verify_log(mount_point / "log", kOrigin, key().verifier());
  if (!checked || checked->entries != committed) return 20;
  const auto again = TileLog::open(mount_point / "log", small(), key());
  return again && (*again)->size() == committed ? 0 : 21;
}

TEST(FullDisk, fails_the_group_whole_and_leaves_the_log_usable) {
  const Folder folder;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(fill_a_disk(folder.path()));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << status;
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "skipped: no permission to mount a small file system";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "the step of fill_a_disk that failed";
}

// A child that commits groups for ever and says each new size through a pipe; never returns.
[[noreturn]] void commit_for_ever(const fs::path& folder, int says) {
  auto opened = TileLog::open(folder, small(4000), key());
  if (!opened) ::_exit(1);
  TileLog& log = **opened;
  while (true) {
    const std::uint64_t count = 1 + log.size() % 7;
    for (std::uint64_t i = 0; i < count; ++i)
      if (!log.append(leaf_at(log.size() + i), payload_at(log.size() + i))) ::_exit(2);
    if (!log.commit()) ::_exit(3);
    const std::uint64_t size = log.size();
    if (::write(says, &size, sizeof size) != sizeof size) ::_exit(4);
  }
}

TEST(Killed, at_any_moment_it_keeps_what_it_had_committed_once) {
  const Folder folder;
  open_log(folder.path(), small(4000));  // here, so that all children share the key
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 40; ++round) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const base::Descriptor hears(ends[0]);
    base::Descriptor says(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) commit_for_ever(folder.path(), says.get());
    says.close();
    // Killed right behind the n-th word: wherever the child has got to by then.
    std::uint64_t size = 0;
    for (int n = 0; n < 1 + round % 9; ++n) {
      if (::read(hears.get(), &size, sizeof size) != sizeof size) break;
      acknowledged = size;
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
    while (::read(hears.get(), &size, sizeof size) == sizeof size) acknowledged = size;
    const auto log = open_log(folder.path(), small(4000));
    ASSERT_NE(log, nullptr);
    ASSERT_GE(log->size(), acknowledged);
    expect_holds(*log, log->size());
    ASSERT_TRUE(audit(folder.path()).has_value());
  }
}

TEST(LogReader, follows_a_writer_over_groups_and_segments) {
  const Folder folder;
  auto log = open_log(folder.path(), small(2000));
  auto reader = LogReader::open(folder.path(), std::string(kOrigin), key().verifier()).value();
  EXPECT_EQ(reader->size(), 0);
  for (int i = 0; i < 80; ++i) {
    const Signed signed_checkpoint = grow(*log, 1 + i % 13);
    ASSERT_TRUE(log->append("uncommitted", Bytes(i % 3 == 0 ? 2U << 20 : 10, 'u')).has_value());
    if (i % 5 == 4) {
      const auto size = reader->refresh();
      ASSERT_TRUE(size.has_value()) << size.error().what;
      EXPECT_EQ(*size, log->size());
      EXPECT_EQ(reader->signed_checkpoint().note, signed_checkpoint.note);
    }
    log->rollback();
  }
  ASSERT_EQ(reader->refresh().value(), log->size());
  expect_holds(*reader, log->size());
  const std::uint64_t size = log->size();
  EXPECT_EQ(reader->inclusion(17, size).value(), log->inclusion(17, size).value());
  EXPECT_EQ(reader->consistency(17, size).value(), log->consistency(17, size).value());
  expect_holds(*LogReader::open(folder.path(), std::string(kOrigin), key().verifier()).value(), size);
  ASSERT_TRUE(log->drop_payloads_before(200).has_value());
  EXPECT_EQ(reader->payload(3).error().code, Errc::not_found);
  EXPECT_EQ(reader->leaf(3).value(), leaf_at(3));
}

TEST(LogReader, leaps_over_segments_that_expired_before_it_read_them) {
  const Folder folder;
  auto log = open_log(folder.path(), small(2000));
  grow(*log, 5);
  const auto reader = LogReader::open(folder.path(), std::string(kOrigin), key().verifier()).value();
  for (int i = 0; i < 80; ++i) grow(*log, 9);
  const std::uint64_t first = log->drop_payloads_before(700).value();
  const auto size = reader->refresh();
  ASSERT_TRUE(size.has_value()) << size.error().what;
  ASSERT_EQ(*size, log->size());
  EXPECT_EQ(reader->leaf(300).value(), leaf_at(300));
  EXPECT_EQ(reader->payload(300).error().code, Errc::not_found);
  EXPECT_EQ(reader->payload(first).value(), payload_at(first));
  grow(*log, 3);
  EXPECT_EQ(reader->refresh().value(), log->size());
}

TEST(LogReader, needs_no_partial_tiles) {
  const Folder folder;
  Options options = small();
  options.tiles_at_commit = false;
  auto log = open_log(folder.path(), options);
  grow(*log, 300);
  expect_holds(*LogReader::open(folder.path(), std::string(kOrigin), key().verifier()).value(), 300);
}

TEST(LogReader, refuses_no_log_another_key_and_a_log_that_went_back) {
  const Folder folder;
  const auto open = [&](const proof::VerifierKey& verifier) {
    return LogReader::open(folder.path() / "log", std::string(kOrigin), verifier);
  };
  EXPECT_EQ(open(key().verifier()).error().code, Errc::not_found);
  {
    auto log = open_log(folder.path() / "log");
    grow(*log, 5);
    fs::copy(folder.path() / "log", folder.path() / "old", fs::copy_options::recursive);
    grow(*log, 5);
  }
  EXPECT_EQ(open(new_key().verifier()).error().code, Errc::unauthenticated);
  const auto reader = open(key().verifier()).value();
  fs::rename(folder.path() / "log", folder.path() / "new");
  fs::rename(folder.path() / "old", folder.path() / "log");
  EXPECT_EQ(reader->refresh().error().code, Errc::conflict);
  {
    auto log = open_log(folder.path() / "log");
    ASSERT_TRUE(log->append("another past", "").has_value());
    ASSERT_TRUE(log->commit().has_value());
    grow(*log, 9);
  }
  EXPECT_FALSE(reader->refresh().has_value());
  EXPECT_EQ(reader->size(), 10) << "a refresh that fails changes nothing";
}

TEST(Modes, let_the_group_read_if_asked) {
  const Folder folder;
  Options options = small(2000);
  options.mode = 0640;
  auto log = open_log(folder.path() / "log", options);
  for (int i = 0; i < 60; ++i) grow(*log, 5);
  for (const auto& entry : fs::recursive_directory_iterator(folder.path() / "log")) {
    if (entry.path().filename() == "lock" || entry.path().filename() == ".new") continue;
    const auto permissions = static_cast<unsigned>(entry.status().permissions());
    EXPECT_EQ(permissions & 0777U, entry.is_directory() ? 0750U : 0640U) << entry.path();
  }
}

TEST(Threads, readers_see_whole_groups_while_the_writer_goes_on) {
  const Folder folder;
  auto log = open_log(folder.path(), small(20'000));
  grow(*log, 10);
  std::atomic<bool> done = false;
  std::atomic<int> failures = 0;
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r)
    readers.emplace_back([&, r] {
      std::uint64_t i = static_cast<std::uint64_t>(r);
      while (!done) {
        const proof::Checkpoint at = log->signed_checkpoint().checkpoint;
        i = (i * 31 + 7) % at.size;
        const auto path = log->inclusion(i, at.size);
        const bool fine = at.size % 10 == 0 && log->leaf(i).value() == leaf_at(i) &&
                          log->payload(i).value() == payload_at(i) && path &&
                          proof::verify_inclusion(proof::leaf_hash(leaf_at(i)), i, at.size, *path, at.root);
        if (!fine) ++failures;
      }
    });
  for (int i = 0; i < 150; ++i) grow(*log, 10);
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace hinomi::tlog
