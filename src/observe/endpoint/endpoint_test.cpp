#include <hinomi/bpf/record.h>
#include <hinomi/base/file.hpp>
#include <hinomi/observe/endpoint/translator.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hinomi::observe::endpoint {
namespace {

using model::Event;
using model::EventKind;
using model::Field;
using namespace std::string_literals;

const base::Uuid kBoot = *base::Uuid::parse("0b6fbd59-5b1c-4a6e-9a70-0e8a6c5d1f00");
constexpr std::int64_t kOffset = 1'700'000'000'000'000'000;

class FixedClock final : public base::Clock {
 public:
  explicit FixedClock(std::int64_t nanoseconds) : now_{nanoseconds} {}
  [[nodiscard]] base::Time now() const override { return now_; }

 private:
  base::Time now_;
};

ProcessKey key(std::uint64_t start, std::uint32_t tgid) { return {.start = start, .tgid = tgid}; }
Image image(std::string executable, std::string arguments = {}) {
  Image out;
  out.executable = std::move(executable);
  out.arguments = std::move(arguments);
  return out;
}

// ---- records

struct Parts {
  std::string executable = "true\0bin\0usr\0"s, directory = "a\0home\0"s, script, cgroup = "x.scope\0"s, terminal,
              arguments = "true\0-v\0"s;
};

std::string exec_record(hinomi_exec raw = {}, const Parts& parts = {}, std::uint16_t kind = HINOMI_EXEC) {
  raw.header.version = HINOMI_RECORD_VERSION;
  raw.header.kind = kind;
  if (raw.header.tgid == 0) raw.header.tgid = 70, raw.header.start = 7'000, raw.header.time = 9'000;
  if (raw.parent_tgid == 0) raw.parent_tgid = 60, raw.parent_start = 6'000;
  if (raw.args_length == 0) raw.args_length = parts.arguments.size();
  raw.has_exe = 1;
  raw.exe_links = raw.exe_links == 0 ? 1 : raw.exe_links;
  raw.login_uid = 0xffffffff;
  raw.exe_length = static_cast<std::uint32_t>(parts.executable.size());
  raw.cwd_length = static_cast<std::uint32_t>(parts.directory.size());
  raw.script_length = static_cast<std::uint32_t>(parts.script.size());
  raw.cgroup_length = static_cast<std::uint32_t>(parts.cgroup.size());
  raw.tty_length = static_cast<std::uint32_t>(parts.terminal.size());
  raw.args_kept = static_cast<std::uint32_t>(parts.arguments.size());
  const std::string tail =
      parts.executable + parts.directory + parts.script + parts.cgroup + parts.terminal + parts.arguments;
  raw.header.size = static_cast<std::uint32_t>(sizeof(raw) + tail.size());
  return std::string(reinterpret_cast<const char*>(&raw), sizeof(raw)) + tail;
}

template <class Raw>
std::string plain_record(Raw raw, std::uint16_t kind) {
  raw.header.version = HINOMI_RECORD_VERSION;
  raw.header.kind = kind;
  raw.header.size = sizeof(raw);
  return {reinterpret_cast<const char*>(&raw), sizeof(raw)};
}

TEST(Record, turns_names_from_the_file_upwards_into_a_path) {
  const std::string bytes = exec_record();
  const auto record = decode_record(bytes);
  ASSERT_TRUE(record) << record.error().what;
  const auto& exec = std::get<ExecRecord>(*record);
  EXPECT_EQ(exec.executable, "/usr/bin/true");
  EXPECT_EQ(exec.working_directory, "/home/a");
  EXPECT_EQ(exec.arguments, "true\0-v\0"s);
  EXPECT_EQ(exec.cgroup_name, "x.scope");
  EXPECT_EQ(exec.process, key(7'000, 70));
  EXPECT_EQ(exec.parent, key(6'000, 60));
  EXPECT_FALSE(exec.was_running);
}

TEST(Record, shows_a_root_folder_a_deleted_file_and_a_path_that_is_cut) {
  hinomi_exec raw{};
  raw.header.flags = HINOMI_EXE_INCOMPLETE;
  std::string bytes = exec_record(raw, {.directory = ""});
  auto& in_place = *reinterpret_cast<hinomi_exec*>(bytes.data());
  in_place.exe_links = 0;
  const auto record = decode_record(bytes);
  ASSERT_TRUE(record) << record.error().what;
  EXPECT_EQ(std::get<ExecRecord>(*record).working_directory, "/");
  EXPECT_EQ(std::get<ExecRecord>(*record).executable, "(...)/usr/bin/true (deleted)");
}

TEST(Record, tells_exit_codes_and_signals_apart) {
  const auto exit = [](std::uint32_t status) {
    hinomi_exit raw{};
    raw.status = status;
    return std::get<ExitRecord>(*decode_record(plain_record(raw, HINOMI_EXIT)));
  };
  EXPECT_EQ(exit(0x2a00).code, 42U);
  EXPECT_EQ(exit(0x2a00).signal, 0U);
  EXPECT_EQ(exit(0x8b).signal, 11U);  // with a core
}

TEST(Record, refuses_what_record_h_does_not_describe) {
  const std::string good = exec_record();
  EXPECT_FALSE(decode_record(""));
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(decode_record(good.substr(0, size))) << size;
  EXPECT_FALSE(decode_record(good + "x"));
  const auto spoiled = [&](auto change) {
    std::string bytes = good;
    change(*reinterpret_cast<hinomi_exec*>(bytes.data()));
    return decode_record(bytes).has_value();
  };
  EXPECT_FALSE(spoiled([](hinomi_exec& raw) { raw.header.version = 2; }));
  EXPECT_FALSE(spoiled([](hinomi_exec& raw) { raw.header.kind = 99; }));
  EXPECT_FALSE(spoiled([](hinomi_exec& raw) { raw.exe_length = 0xffffffff; }));
  EXPECT_FALSE(spoiled([](hinomi_exec& raw) { raw.exe_length -= 1; }));  // the rest shifts: texts do not end
  EXPECT_FALSE(spoiled([](hinomi_exec& raw) { raw.args_kept -= 1; }));   // a byte that no part claims
  EXPECT_FALSE(spoiled([](hinomi_exec& raw) { raw.args_length = 1; }));  // less than what is here
  hinomi_network raw{};
  raw.family = AF_UNIX;
  EXPECT_FALSE(decode_record(plain_record(raw, HINOMI_CONNECT)));
}

TEST(Record, cuts_a_stream_only_where_a_size_is_possible) {
  const std::string one = exec_record({}, {}, HINOMI_TASK), two = one + one;
  EXPECT_EQ(size_of_record(two), one.size());
  EXPECT_EQ(size_of_record(std::string_view(two).substr(0, one.size() - 1)), 0U);
  hinomi_header tiny{};
  tiny.size = 3;
  EXPECT_EQ(size_of_record({reinterpret_cast<const char*>(&tiny), sizeof(tiny)}), 0U);
}

// ---- identity and process table

TEST(ProcessGuid, differs_by_boot_start_and_process_and_follows_its_recipe) {
  const std::string guid = make_process_guid(kBoot, key(5, 6));
  EXPECT_EQ(guid, base::Uuid::named(kBoot, "5.6").text());
  EXPECT_NE(guid, make_process_guid(kBoot, key(6, 6)));
  EXPECT_NE(guid, make_process_guid(kBoot, key(5, 7)));
  EXPECT_NE(guid, make_process_guid(base::Uuid{}, key(5, 6)));
}

TEST(ProcessTable, gives_a_child_its_parents_image_until_it_executes) {
  ProcessTable table(kBoot);
  table.executed(key(1, 1), {}, image("/sbin/init"));
  const Process* child = table.forked(key(2, 2), key(1, 1));
  EXPECT_EQ(child->image->executable, "/sbin/init");
  EXPECT_EQ(child->lineage->guid, table.find(key(1, 1))->guid);
  table.executed(key(2, 2), key(99, 99), image("/bin/sh"));
  EXPECT_EQ(child->image->executable, "/bin/sh");
  EXPECT_EQ(child->lineage->tgid, 1U) << "who forked it counts, not who adopted it";
}

TEST(ProcessTable, shows_ancestors_as_they_were_when_they_forked) {
  ProcessTable table(kBoot);
  table.executed(key(1, 1), {}, image("/bin/first"));
  table.forked(key(2, 2), key(1, 1));
  table.executed(key(1, 1), {}, image("/bin/second"));
  table.forked(key(3, 3), key(1, 1));
  EXPECT_EQ(table.find(key(2, 2))->lineage->image->executable, "/bin/first");
  EXPECT_EQ(table.find(key(3, 3))->lineage->image->executable, "/bin/second");
}

TEST(ProcessTable, keeps_ancestry_after_the_ancestors_are_forgotten) {
  ProcessTable table(kBoot);
  table.executed(key(1, 1), {}, image("/a"));
  table.forked(key(2, 2), key(1, 1));
  table.executed(key(2, 2), key(1, 1), image("/b"));
  table.forked(key(3, 3), key(2, 2));
  EXPECT_TRUE(table.exited(key(1, 1), 10));
  EXPECT_TRUE(table.exited(key(2, 2), 11));
  table.expire(30'000'000'010);
  EXPECT_EQ(table.find(key(1, 1)), nullptr);
  EXPECT_NE(table.find(key(2, 2)), nullptr) << "kept for thirty seconds";
  table.expire(30'000'000'011);
  EXPECT_EQ(table.size(), 1U);
  const Process* last = table.find(key(3, 3));
  EXPECT_EQ(last->lineage->image->executable, "/b");
  EXPECT_EQ(last->lineage->parent->image->executable, "/a");
}

TEST(ProcessTable, bounds_a_line_of_processes_that_never_ends) {
  ProcessTable table(kBoot);
  table.executed(key(1, 1), {}, image("/worm"));
  for (std::uint32_t i = 2; i < 1'000; ++i) {
    const Process* process = table.forked(key(i, i), key(i - 1, i - 1));
    ASSERT_LE(process->lineage->depth, ProcessTable::kLineageLimit + 1);
    unsigned nodes = 0;
    for (const Lineage* node = process->lineage.get(); node != nullptr; node = node->parent.get()) ++nodes;
    ASSERT_EQ(nodes, process->lineage->depth);
    ASSERT_GE(nodes, std::min(i - 1, ProcessTable::kLineageCut));
  }
}

TEST(ProcessTable, takes_the_same_exit_once) {
  ProcessTable table(kBoot);
  table.forked(key(2, 2), key(1, 1));
  EXPECT_TRUE(table.exited(key(2, 2), 5));
  EXPECT_FALSE(table.exited(key(2, 2), 5));
  EXPECT_TRUE(table.exited(key(9, 9), 5)) << "one it never saw is news";
}

TEST(ProcessTable, makes_room_by_forgetting_the_dead_and_counts_what_it_refuses) {
  ProcessTable table(kBoot, {.processes = 3});
  for (std::uint32_t i = 1; i <= 3; ++i) table.executed(key(i, i), {}, image("/x"));
  EXPECT_EQ(table.executed(key(4, 4), {}, image("/x")), nullptr);
  EXPECT_EQ(table.refused(), 1U);
  table.exited(key(2, 2), 1);
  EXPECT_NE(table.executed(key(4, 4), {}, image("/x")), nullptr);
  EXPECT_EQ(table.find(key(2, 2)), nullptr);
  EXPECT_EQ(table.size(), 3U);
}

TEST(ProcessTable, keeps_less_of_the_arguments_when_crowded) {
  ProcessTable table(kBoot, {.roomy_processes = 1, .arguments = 100, .arguments_when_crowded = 10});
  EXPECT_EQ(table.executed(key(1, 1), {}, image("/x", std::string(500, 'a')))->image->arguments.size(), 100U);
  table.executed(key(2, 2), {}, image("/x"));
  const Process* third = table.executed(key(3, 3), {}, image("/x", std::string(500, 'a')));
  EXPECT_EQ(third->image->arguments, std::string(9, 'a') + '\0');
}

TEST(ProcessTable, learns_from_a_fresh_look_who_is_gone) {
  ProcessTable table(kBoot);
  for (std::uint32_t i = 1; i <= 3; ++i) table.executed(key(i, i), {}, image("/x"));
  table.executed(key(100, 4), {}, image("/younger-than-the-look"));
  table.only_these_run({key(1, 1), key(3, 3)}, 50);
  EXPECT_EQ(table.find(key(1, 1))->exited, 0U);
  EXPECT_EQ(table.find(key(2, 2))->exited, 50U);
  EXPECT_EQ(table.find(key(100, 4))->exited, 0U);
}

// ---- names and containers

TEST(UserNames, reads_passwd_and_skips_lines_of_another_form) {
  const auto names =
      parse_passwd("root:x:0:0::/root:/bin/sh\n# comment\nbad\n:x:5:\nold:x:0:\nx:y:zz:\nann:x:1000:1000::/home/ann:");
  EXPECT_EQ(names.size(), 2U);
  EXPECT_EQ(names.at(0), "root");
  EXPECT_EQ(names.at(1000), "ann");
}

TEST(Container, is_the_64_digits_of_a_cgroup_name_and_nothing_else) {
  const std::string id(64, 'a');
  EXPECT_EQ(container_in("docker-" + id + ".scope"), id);
  EXPECT_EQ(container_in("cri-containerd-" + id + ".scope"), id);
  EXPECT_EQ(container_in(id), id);
  EXPECT_EQ(container_in(id + "a"), "");
  EXPECT_EQ(container_in("session-3.scope"), "");
  EXPECT_EQ(container_in(""), "");
}

// ---- digests

TEST(DigestCache, forgets_what_was_used_least_recently) {
  DigestCache cache(2);
  const auto file = [](std::uint64_t inode) {
    return FileIdentity{.inode = inode, .size = 1, .ctime = 2, .mtime = 3, .dev = 4};
  };
  cache.put(file(1), base::sha256("1"));
  cache.put(file(2), base::sha256("2"));
  EXPECT_TRUE(cache.find(file(1)));
  cache.put(file(3), base::sha256("3"));
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_FALSE(cache.find(file(2)));
  EXPECT_EQ(cache.find(file(1)), base::sha256("1"));
  FileIdentity changed = file(1);
  changed.ctime = 9;
  EXPECT_FALSE(cache.find(changed));
}

class Digests : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fmt::format("/tmp/hinomi-digests-{}", getpid());
    ASSERT_TRUE(base::make_folder(folder_));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string make(std::string_view name, std::string_view content) {
    const std::string path = fmt::format("{}/{}", folder_, name);
    EXPECT_TRUE(base::write_file(path, content, base::Durability::renamed));
    return path;
  }
  static base::Descriptor opened(const std::string& path) {
    return base::Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  }
  static DigestJob job_for(const std::string& path) {
    struct stat status{}, space{};
    EXPECT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(stat("/proc/self/ns/mnt", &space), 0);
    DigestJob job;
    job.process = key(1, 0x7fffffff);  // nobody: only the path is left
    job.mount_namespace = static_cast<std::uint32_t>(space.st_ino);
    job.executable = path;
    job.exec_time = {status.st_ctim.tv_sec * 1'000'000'000LL + status.st_ctim.tv_nsec};
    job.file = {.inode = status.st_ino,
                .size = static_cast<std::uint64_t>(status.st_size),
                .ctime = status.st_ctim.tv_sec * 1'000'000'000LL + status.st_ctim.tv_nsec,
                .mtime = status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec};
    return job;
  }
  static DigestResult result_of(Digester& digester, DigestJob job) {
    EXPECT_TRUE(digester.submit(std::move(job)));
    digester.wait_idle(std::chrono::seconds(10));
    auto results = digester.finished();
    EXPECT_EQ(results.size(), 1U);
    return results.empty() ? DigestResult{} : results.front();
  }
  std::string folder_;
};

TEST_F(Digests, read_a_file_to_its_end) {
  const std::string content(600'000, 'z');
  const auto file = opened(make("large", content));
  const auto hashed = hash_descriptor(file.get(), {});
  ASSERT_TRUE(hashed);
  EXPECT_EQ(hashed->digest, base::sha256(content));
}

TEST_F(Digests, refuse_what_is_not_a_regular_file_or_too_large) {
  EXPECT_EQ(hash_descriptor(opened("/dev/zero").get(), {}).error().code, base::Errc::invalid_argument);
  ASSERT_EQ(mkfifo((folder_ + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(hash_descriptor(opened(folder_ + "/pipe").get(), {}).error().code, base::Errc::invalid_argument);
  EXPECT_EQ(hash_descriptor(opened(make("x", "12345")).get(), {.size_limit = 4}).error().code, base::Errc::too_large);
}

TEST_F(Digests, are_cached_only_when_the_file_is_older_than_the_kernels_clock_tick) {
  const std::string path = make("program", "content");
  const DigestJob job = job_for(path);
  const FixedClock young(job.file.ctime + 1), old(job.file.ctime + 2'000'000'000);
  Digester early({}, young), late({}, old);
  EXPECT_EQ(result_of(early, job).executable, base::sha256("content"));
  EXPECT_FALSE(early.cached(job.file));
  EXPECT_EQ(result_of(late, job).executable, base::sha256("content"));
  EXPECT_EQ(late.cached(job.file), base::sha256("content"));
}

TEST_F(Digests, are_of_the_file_that_was_executed_or_of_none) {
  const FixedClock clock(kOffset);
  Digester digester({}, clock);
  const std::string path = make("program", "content");
  DigestJob replaced = job_for(path);
  make("program", "another");  // same size, another inode
  EXPECT_FALSE(result_of(digester, replaced).executable);
  DigestJob elsewhere = job_for(path);
  elsewhere.mount_namespace += 1;
  EXPECT_FALSE(result_of(digester, elsewhere).executable) << "in another mount namespace the path means another file";
  EXPECT_TRUE(result_of(digester, job_for(path)).executable);
}

TEST_F(Digests, of_a_script_count_only_if_it_has_not_changed_since_the_exec) {
  const FixedClock clock(kOffset);
  Digester digester({}, clock);
  const std::string path = make("script", "#!/bin/sh\n");
  DigestJob job = job_for(path);
  job.known = base::sha256("interpreter");
  job.script = path;
  EXPECT_EQ(result_of(digester, job).script, base::sha256("#!/bin/sh\n"));
  EXPECT_EQ(result_of(digester, job).executable, base::sha256("interpreter"));
  job.exec_time.nanoseconds -= 1;
  EXPECT_FALSE(result_of(digester, job).script);
}

TEST_F(Digests, never_wait_on_a_pipe_that_bears_a_scripts_name) {
  const FixedClock clock(kOffset);
  Digester digester({}, clock);
  const std::string pipe = folder_ + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  DigestJob job = job_for(make("program", "content"));
  job.script = pipe;
  job.exec_time.nanoseconds += 60'000'000'000;
  const DigestResult result = result_of(digester, job);
  EXPECT_FALSE(result.script);
  EXPECT_TRUE(result.executable);
}

// ---- translation

class Translating : public testing::Test {
 protected:
  Translating() : clock_(kOffset + 10'000), digester_({}, clock_), translator_(make({})) {}
  Translator make(const std::vector<EventKind>& kinds) {
    Translator out(kBoot, kinds, digester_, clock_, {}, UserNames("/nonexistent"));
    out.set_clock_offset(kOffset);
    return out;
  }
  std::vector<Event> take(Translator& translator, const std::string& bytes) {
    std::vector<Event> out;
    const auto record = decode_record(bytes);
    EXPECT_TRUE(record) << record.error().what;
    if (record) translator.take(*record, out);
    for (const Event& event : out)
      for (const auto& [field, value] : event.fields)
        EXPECT_TRUE(model::may_carry(event.kind, field)) << model::row_of(field).name;
    return out;
  }
  std::vector<Event> take(const std::string& bytes) { return take(translator_, bytes); }
  static std::string fork(ProcessKey child, ProcessKey parent) {
    hinomi_fork raw{};
    raw.header.start = child.start, raw.header.tgid = child.tgid, raw.header.time = child.start;
    raw.parent_start = parent.start, raw.parent_tgid = parent.tgid;
    return plain_record(raw, HINOMI_FORK);
  }
  static std::string exec(ProcessKey process, const Parts& parts = {}) {
    hinomi_exec raw{};
    raw.header.start = process.start, raw.header.tgid = process.tgid, raw.header.time = process.start + 1;
    return exec_record(raw, parts);
  }
  static std::string network(ProcessKey process, std::uint16_t kind) {
    hinomi_network raw{};
    raw.header.start = process.start, raw.header.tgid = process.tgid, raw.header.time = 99;
    raw.family = AF_INET, raw.local_port = 40'000, raw.remote_port = 443;
    std::memcpy(raw.local, "\x0a\0\0\1", 4);
    std::memcpy(raw.remote, "\xcb\0\x71\x09", 4);
    return plain_record(raw, kind);
  }

  FixedClock clock_;
  Digester digester_;
  Translator translator_;
};

TEST_F(Translating, an_exec_names_its_parent_and_the_line_it_comes_from) {
  take(exec(key(1, 1), {.executable = "init\0sbin\0"s, .arguments = "init\0"s}));
  take(fork(key(2, 2), key(1, 1)));
  take(exec(key(2, 2), {.executable = "sh\0bin\0"s, .arguments = "sh\0-c\0x\0"s}));
  take(fork(key(3, 3), key(2, 2)));
  const auto events = take(exec(key(3, 3)));
  ASSERT_EQ(events.size(), 1U);
  const Event& event = events[0];
  EXPECT_EQ(event.kind, EventKind::process_start);
  EXPECT_EQ(event.source_time.nanoseconds, kOffset + 4);
  EXPECT_EQ(event.time(Field::process_start_time)->nanoseconds, kOffset + 3);
  EXPECT_EQ(event.bytes(Field::process_guid), make_process_guid(kBoot, key(3, 3)));
  EXPECT_EQ(event.bytes(Field::parent_guid), make_process_guid(kBoot, key(2, 2)));
  EXPECT_EQ(event.bytes(Field::parent_executable), "/bin/sh");
  EXPECT_EQ(event.bytes(Field::parent_arguments), "sh\0-c\0x\0"s);
  EXPECT_EQ(event.list(Field::ancestor_executables), (std::vector<std::string>{"/bin/sh", "/sbin/init", ""}));
  EXPECT_FALSE(event.has(Field::process_login_user_id));
  EXPECT_FALSE(event.has(Field::process_user_name)) << "no passwd names it";
}

TEST_F(Translating, arguments_that_were_cut_still_end_and_say_so) {
  hinomi_exec raw{};
  raw.args_length = 50'000;
  const auto events = take(exec_record(raw, {.arguments = "a\0bb"s}));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].bytes(Field::process_arguments), "a\0bb\0"s);
  EXPECT_EQ(events[0].number(Field::process_arguments_length), 50'000U);
  EXPECT_EQ(events[0].number(Field::process_arguments_truncated), 1U);
}

TEST_F(Translating, a_pending_digest_is_completed_by_an_event_of_the_same_process_and_time) {
  const auto events = take(exec(key(5, 0x7ffffff5), {.executable = "none\0nowhere\0"s, .script = "./x\0"s}));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].bytes(Field::process_digest_state), "pending");
  EXPECT_EQ(events[0].bytes(Field::process_script), "/home/a/x");
  digester_.wait_idle(std::chrono::seconds(10));
  std::vector<Event> digests;
  for (const DigestResult& result : digester_.finished()) translator_.take(result, digests);
  ASSERT_EQ(digests.size(), 1U);
  EXPECT_EQ(digests[0].kind, EventKind::process_digest);
  EXPECT_EQ(digests[0].bytes(Field::process_digest_state), "unavailable");
  EXPECT_EQ(digests[0].bytes(Field::process_guid), events[0].bytes(Field::process_guid));
  EXPECT_EQ(digests[0].source_time, events[0].source_time);
  EXPECT_FALSE(digests[0].has(Field::process_sha256));
}

TEST_F(Translating, an_accepted_connection_begins_at_the_other_side) {
  take(exec(key(2, 2)));
  const auto connect = take(network(key(2, 2), HINOMI_CONNECT)), accept = take(network(key(2, 2), HINOMI_ACCEPT));
  ASSERT_EQ(connect.size() + accept.size(), 2U);
  EXPECT_EQ(connect[0].address(Field::destination_address)->text(), "203.0.113.9");
  EXPECT_EQ(connect[0].number(Field::destination_port), 443U);
  EXPECT_EQ(connect[0].bytes(Field::process_executable), "/usr/bin/true");
  EXPECT_EQ(connect[0].number(Field::network_initiated), 1U);
  EXPECT_EQ(accept[0].address(Field::source_address)->text(), "203.0.113.9");
  EXPECT_EQ(accept[0].number(Field::destination_port), 40'000U);
  EXPECT_EQ(accept[0].number(Field::network_initiated), 0U);
}

TEST_F(Translating, a_connection_of_nobody_known_carries_no_process) {
  const auto events = take(network({}, HINOMI_ACCEPT));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_FALSE(events[0].has(Field::process_guid));
  EXPECT_FALSE(events[0].has(Field::process_id));
}

TEST_F(Translating, what_ran_before_is_known_but_not_told) {
  hinomi_exec raw{};
  raw.header.start = 2, raw.header.tgid = 2;
  EXPECT_TRUE(take(exec_record(raw, {}, HINOMI_TASK)).empty());
  EXPECT_EQ(take(network(key(2, 2), HINOMI_CONNECT))[0].bytes(Field::process_executable), "/usr/bin/true");
}

TEST_F(Translating, kinds_that_nobody_asked_for_are_followed_but_not_told) {
  Translator only_network = make({EventKind::network_connect});
  EXPECT_TRUE(take(only_network, fork(key(2, 2), key(1, 1))).empty());
  EXPECT_TRUE(take(only_network, exec(key(2, 2))).empty());
  EXPECT_TRUE(take(only_network, network(key(2, 2), HINOMI_ACCEPT)).empty());
  const auto events = take(only_network, network(key(2, 2), HINOMI_CONNECT));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].bytes(Field::process_executable), "/usr/bin/true");
}

TEST_F(Translating, an_exit_that_the_kernel_says_twice_is_told_once) {
  hinomi_exit raw{};
  raw.header.start = 2, raw.header.tgid = 2, raw.header.time = 50, raw.status = 9;
  take(exec(key(2, 2)));
  const auto events = take(plain_record(raw, HINOMI_EXIT));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].number(Field::exit_signal), 9U);
  EXPECT_FALSE(events[0].has(Field::exit_code));
  EXPECT_TRUE(take(plain_record(raw, HINOMI_EXIT)).empty());
}

}  // namespace
}  // namespace hinomi::observe::endpoint
