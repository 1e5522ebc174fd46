// The observer on the kernel that this runs on. Needs root and a kernel with BTF; skips with a reason where it may not
// load.
#include <hinomi/base/file.hpp>
#include <hinomi/observe/endpoint/observer.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// Some children of these tests start threads of their own.
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "die_after_fork=0"; }
#endif
#endif

namespace hinomi::observe::endpoint {
namespace {

using model::Event;
using model::EventKind;
using model::Field;

class Kept final : public EventSink {
 public:
  void take(std::vector<Event> events) override {
    {
      const std::lock_guard wait(gate);
    }
    const std::lock_guard lock(mutex_);
    for (Event& event : events) events_.push_back(std::move(event));
  }
  std::vector<Event> all() {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  std::vector<Event> of(EventKind kind) {
    std::vector<Event> out;
    for (Event& event : all())
      if (event.kind == kind) out.push_back(std::move(event));
    return out;
  }
  // Those of one process.
  std::vector<Event> of(EventKind kind, pid_t pid) {
    std::vector<Event> out;
    for (Event& event : of(kind))
      if (event.number(Field::process_id) == static_cast<std::uint64_t>(pid)) out.push_back(std::move(event));
    return out;
  }
  std::mutex gate;  // held by a test: the observer waits, and its rings fill

 private:
  std::mutex mutex_;
  std::vector<Event> events_;
};

// Runs `child` in a new process and returns its id and wait status.
struct Ended {
  pid_t pid = -1;
  int status = -1;
};
Ended run(const std::function<void()>& child) {
  Ended out;
  out.pid = fork();
  if (out.pid == 0) {
    child();
    _exit(127);
  }
  waitpid(out.pid, &out.status, 0);
  return out;
}
Ended run(const std::vector<std::string>& arguments) {
  return run([&] {
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
  });
}

std::string joined(const std::vector<std::string>& arguments) {
  std::string out;
  for (const std::string& argument : arguments) out += argument + '\0';
  return out;
}

class RealKernel : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fmt::format("/tmp/hinomi-endpoint-{}", getpid());
    ASSERT_TRUE(base::make_folder(folder_));
  }
  void TearDown() override {
    observer_.reset();
    std::filesystem::remove_all(folder_);
  }
  // Starts the observer; false (and a skip) if this machine does not allow it.
  bool start(Options options = {}) {
    auto observer = Observer::start(std::move(options), kept_, clock_);
    if (!observer) {
      skip_reason_ = observer.error().what;
      return false;
    }
    observer_ = std::move(*observer);
    return true;
  }
  void stop() { observer_->stop(); }
  // The one event of this kind and process; an empty one (and a failure) if it is not exactly one.
  Event only(EventKind kind, pid_t pid) {
    const std::vector<Event> events = kept_.of(kind, pid);
    EXPECT_EQ(events.size(), 1U) << model::row_of(kind).name << " of " << pid;
    return events.size() == 1 ? events.front() : Event{};
  }

  std::string folder_, skip_reason_;
  Kept kept_;
  base::SystemClock clock_;
  std::unique_ptr<Observer> observer_;
};

#define START_OR_SKIP(...) \
  if (!start(__VA_ARGS__)) GTEST_SKIP() << "skipped: " << skip_reason_

TEST_F(RealKernel, has_every_hook_or_says_why_not) {
  START_OR_SKIP();
  const std::vector<std::string> hooks = observer_->hooks();
  EXPECT_EQ(hooks.size(), 6U);
  for (const std::string& hook : hooks)
    EXPECT_TRUE(hook.ends_with(":on") || hook.find(":off:") != std::string::npos) << hook;
  for (const std::string& program : Observer::programs())
    EXPECT_EQ(program.substr(program.find(':') + 1).size(), 64U) << program;
}

TEST_F(RealKernel, sees_an_exec_with_its_arguments_folder_user_and_parent) {
  START_OR_SKIP();
  const auto ended = run([&] {
    if (chdir(folder_.c_str()) == 0) execl("/bin/true", "true", "one two", "", "three", nullptr);
  });
  stop();
  const Event event = only(EventKind::process_start, ended.pid);
  const std::string executable = std::filesystem::canonical("/bin/true");
  EXPECT_EQ(event.bytes(Field::process_executable), executable);
  EXPECT_EQ(event.bytes(Field::process_arguments), joined({"true", "one two", "", "three"}));
  EXPECT_EQ(event.number(Field::process_arguments_truncated), 0U);
  EXPECT_EQ(event.bytes(Field::process_working_directory), folder_);
  EXPECT_EQ(event.bytes(Field::process_user_id), std::to_string(geteuid()));
  EXPECT_EQ(event.bytes(Field::process_user_name), "root");
  EXPECT_EQ(event.number(Field::parent_id), static_cast<std::uint64_t>(getpid()));
  EXPECT_EQ(event.bytes(Field::parent_executable), std::filesystem::read_symlink("/proc/self/exe").string());
  EXPECT_GE(event.list(Field::ancestor_guids).size(), 1U);
  EXPECT_EQ(event.list(Field::ancestor_guids).size(), event.list(Field::ancestor_executables).size());
  EXPECT_LT(std::abs(event.source_time.nanoseconds - clock_.now().nanoseconds), 60'000'000'000LL);
}

TEST_F(RealKernel, keeps_the_true_length_of_arguments_that_it_cuts) {
  START_OR_SKIP();
  const std::string large(20'000, 'x');
  const auto ended = run(std::vector<std::string>{"/bin/true", large, "end"});
  stop();
  const Event event = only(EventKind::process_start, ended.pid);
  EXPECT_EQ(event.number(Field::process_arguments_length), joined({"/bin/true", large, "end"}).size());
  EXPECT_EQ(event.number(Field::process_arguments_truncated), 1U);
  EXPECT_GE(event.bytes(Field::process_arguments).size(), 8'192U);
  EXPECT_TRUE(joined({"/bin/true", large}).starts_with(event.bytes(Field::process_arguments).substr(0, 8'192)));
}

TEST_F(RealKernel, tells_how_a_process_ended) {
  START_OR_SKIP();
  const auto code = run([] { _exit(42); });
  const auto signal = run([] { kill(getpid(), SIGKILL); });
  const auto thread = run([] {  // the leader leaves first; the group ends with its last thread
    std::thread([] {
      usleep(20'000);
      _exit(7);
    }).detach();
    syscall(SYS_exit, 3);
  });
  stop();
  EXPECT_EQ(only(EventKind::process_exit, code.pid).number(Field::exit_code), 42U);
  EXPECT_FALSE(only(EventKind::process_exit, code.pid).has(Field::exit_signal));
  EXPECT_EQ(only(EventKind::process_exit, signal.pid).number(Field::exit_signal), static_cast<std::uint64_t>(SIGKILL));
  EXPECT_EQ(only(EventKind::process_exit, thread.pid).number(Field::exit_code), 7U);
}

TEST_F(RealKernel, tells_forks_of_processes_but_not_of_threads) {
  START_OR_SKIP();
  std::thread([] {}).join();
  const auto ended = run([] { _exit(0); });
  stop();
  std::vector<std::uint64_t> children;
  for (const Event& event : kept_.of(EventKind::process_fork, getpid()))
    children.push_back(*event.number(Field::child_id));
  EXPECT_EQ(children, std::vector<std::uint64_t>{static_cast<std::uint64_t>(ended.pid)});
}

TEST_F(RealKernel, follows_a_line_of_processes_to_the_one_that_began_it) {
  START_OR_SKIP();
  const auto ended = run(std::vector<std::string>{"/bin/sh", "-c", "/bin/sh -c '/bin/true; :'; :"});
  stop();
  std::vector<Event> line;
  for (const Event& event : kept_.of(EventKind::process_start)) {
    const auto& ancestors = event.list(Field::ancestor_guids);
    if (event.bytes(Field::process_executable).ends_with("/true") && ancestors.size() >= 3) line.push_back(event);
  }
  ASSERT_EQ(line.size(), 1U);
  const Event outer = only(EventKind::process_start, ended.pid);
  const auto& ancestors = line[0].list(Field::ancestor_guids);
  EXPECT_EQ(ancestors[0], line[0].bytes(Field::parent_guid));
  EXPECT_EQ(ancestors[1], outer.bytes(Field::process_guid));
  EXPECT_EQ(ancestors[2], outer.bytes(Field::parent_guid));
  EXPECT_EQ(line[0].list(Field::ancestor_executables)[1], outer.bytes(Field::process_executable));
}

TEST_F(RealKernel, digests_an_executable_in_dev_shm_and_knows_it_the_second_time) {
  START_OR_SKIP();
  const std::string path = fmt::format("/dev/shm/hinomi-endpoint-{}", getpid());
  std::filesystem::copy_file(std::filesystem::canonical("/bin/true"), path,
                             std::filesystem::copy_options::overwrite_existing);
  const base::Digest truth = base::sha256(*base::read_file(path));
  // Its ctime must lie back far enough to be cached.
  struct stat status{};
  stat(path.c_str(), &status);
  while (clock_.now().seconds() < status.st_ctim.tv_sec + 2) usleep(10'000);
  const auto first = run(std::vector<std::string>{path});
  for (int i = 0; i < 500 && kept_.of(EventKind::process_digest, first.pid).empty(); ++i) usleep(10'000);
  const auto second = run(std::vector<std::string>{path});
  stop();
  unlink(path.c_str());
  EXPECT_EQ(only(EventKind::process_start, first.pid).bytes(Field::process_executable), path);
  EXPECT_EQ(only(EventKind::process_start, first.pid).bytes(Field::process_digest_state), "pending");
  const Event digest = only(EventKind::process_digest, first.pid);
  EXPECT_EQ(digest.digest(Field::process_sha256), truth);
  EXPECT_EQ(digest.bytes(Field::process_guid), only(EventKind::process_start, first.pid).bytes(Field::process_guid));
  EXPECT_EQ(digest.source_time, only(EventKind::process_start, first.pid).source_time);
  EXPECT_EQ(only(EventKind::process_start, second.pid).bytes(Field::process_digest_state), "known");
  EXPECT_EQ(only(EventKind::process_start, second.pid).digest(Field::process_sha256), truth);
}

TEST_F(RealKernel, names_the_script_behind_its_interpreter_and_digests_both) {
  START_OR_SKIP();
  const std::string text = "#!/bin/sh\nexit 5\n";
  ASSERT_TRUE(base::write_file(folder_ + "/job.sh", text, base::Durability::renamed, 0755));
  const auto ended = run([&] {
    if (chdir(folder_.c_str()) == 0) execl("./job.sh", "job", "now", nullptr);
  });
  stop();
  const Event event = only(EventKind::process_start, ended.pid);
  EXPECT_EQ(event.bytes(Field::process_executable), std::filesystem::canonical("/bin/sh").string());
  EXPECT_EQ(event.bytes(Field::process_script), folder_ + "/job.sh");
  EXPECT_EQ(event.bytes(Field::process_arguments), joined({"/bin/sh", "./job.sh", "now"}));
  const Event digest = only(EventKind::process_digest, ended.pid);
  EXPECT_EQ(digest.digest(Field::process_script_sha256), base::sha256(text));
  EXPECT_EQ(digest.digest(Field::process_sha256),
            base::sha256(*base::read_file(std::filesystem::canonical("/bin/sh"))));
  EXPECT_EQ(only(EventKind::process_exit, ended.pid).number(Field::exit_code), 5U);
}

TEST_F(RealKernel, names_an_executable_that_hangs_in_no_folder) {
  START_OR_SKIP();
  const auto ended = run([] {
    const int from = open("/bin/sleep", O_RDONLY);
    const int memory = memfd_create("ghost", 0);
    char buffer[65536];
    for (ssize_t got = 0; (got = read(from, buffer, sizeof(buffer))) > 0;)
      (void)!write(memory, buffer, static_cast<std::size_t>(got));
    char name[] = "kworker", duration[] = "0.2";
    char* argv[] = {name, duration, nullptr};
    fexecve(memory, argv, environ);
  });
  stop();
  EXPECT_EQ(only(EventKind::process_start, ended.pid).bytes(Field::process_executable), "/memfd:ghost (deleted)");
  EXPECT_EQ(only(EventKind::process_digest, ended.pid).digest(Field::process_sha256),
            base::sha256(*base::read_file(std::filesystem::canonical("/bin/sleep"))));
}

// Connects over loopback in a child and accepts here; the kernel tells both.
void connect_over_loopback(int family, Kept& kept, const std::function<void()>& stop) {
  const int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_storage address{};
  socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address);
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = in6addr_loopback;
  }
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0) {
    close(listener);
    GTEST_SKIP() << "skipped: this machine has no loopback address of that family";
  }
  ASSERT_EQ(listen(listener, 4), 0);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  const std::uint64_t port = ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
  const auto ended = run([&] {
    const int client = socket(family, SOCK_STREAM, 0);
    _exit(connect(client, reinterpret_cast<sockaddr*>(&address), length) == 0 ? 0 : 1);
  });
  const int accepted = accept(listener, nullptr, nullptr);
  close(accepted);
  close(listener);
  stop();
  ASSERT_EQ(ended.status, 0);
  const auto loopback = *base::IpAddress::parse(family == AF_INET ? "127.0.0.1" : "::1");
  int connects = 0, accepts = 0;
  std::optional<std::uint64_t> source_port;
  for (const Event& event : kept.all()) {
    if (event.number(Field::destination_port) != port) continue;
    EXPECT_EQ(event.address(Field::source_address), loopback);
    EXPECT_EQ(event.address(Field::destination_address), loopback);
    EXPECT_EQ(event.bytes(Field::network_protocol), "tcp");
    EXPECT_EQ(event.bytes(Field::process_executable), std::filesystem::read_symlink("/proc/self/exe").string());
    if (source_port) EXPECT_EQ(event.number(Field::source_port), source_port);
    source_port = event.number(Field::source_port);
    if (event.kind == EventKind::network_connect) {
      ++connects;
      EXPECT_EQ(event.number(Field::process_id), static_cast<std::uint64_t>(ended.pid));
      EXPECT_EQ(event.number(Field::network_initiated), 1U);
    } else {
      ++accepts;
      EXPECT_EQ(event.number(Field::process_id), static_cast<std::uint64_t>(getpid()));
      EXPECT_EQ(event.number(Field::network_initiated), 0U);
    }
  }
  EXPECT_EQ(connects, 1);
  EXPECT_EQ(accepts, 1);
}

TEST_F(RealKernel, tells_both_ends_of_a_connection_over_ipv4) {
  START_OR_SKIP();
  connect_over_loopback(AF_INET, kept_, [this] { stop(); });
}

TEST_F(RealKernel, tells_both_ends_of_a_connection_over_ipv6) {
  START_OR_SKIP();
  connect_over_loopback(AF_INET6, kept_, [this] { stop(); });
}

TEST_F(RealKernel, knows_who_listened_before_it_came) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t length = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(listener, 4), 0);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  START_OR_SKIP();
  run([&] {
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    _exit(connect(client, reinterpret_cast<sockaddr*>(&address), length) == 0 ? 0 : 1);
  });
  stop();
  close(listener);
  int accepts = 0;
  for (const Event& event : kept_.of(EventKind::network_accept, getpid()))
    accepts += event.number(Field::destination_port) == ntohs(address.sin_port) ? 1 : 0;
  EXPECT_EQ(accepts, 1);
}

TEST_F(RealKernel, keeps_a_process_the_same_when_another_of_its_threads_executes) {
  START_OR_SKIP();
  const auto ended = run([] {
    std::thread([] { execl("/bin/true", "true", nullptr); }).detach();
    pause();
  });
  stop();
  const Event fork = kept_.of(EventKind::process_fork, getpid()).front();
  EXPECT_EQ(fork.number(Field::child_id), static_cast<std::uint64_t>(ended.pid));
  EXPECT_EQ(only(EventKind::process_start, ended.pid).bytes(Field::process_guid), fork.bytes(Field::child_guid));
  EXPECT_EQ(only(EventKind::process_exit, ended.pid).bytes(Field::process_guid), fork.bytes(Field::child_guid));
  EXPECT_EQ(only(EventKind::process_exit, ended.pid).number(Field::exit_code), 0U);
}

TEST_F(RealKernel, names_paths_as_their_mount_namespace_has_them) {
  START_OR_SKIP();
  const std::string place = folder_ + "/place";
  ASSERT_TRUE(base::make_folder(place));
  const auto ended = run([&] {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(99);
    if (mount("none", place.c_str(), "tmpfs", 0, nullptr) != 0) _exit(99);
    std::filesystem::copy_file(std::filesystem::canonical("/bin/sleep"), place + "/nap");
    if (chdir(place.c_str()) == 0) execl("./nap", "nap", "0.2", nullptr);
  });
  stop();
  if (WEXITSTATUS(ended.status) == 99) GTEST_SKIP() << "skipped: this machine makes no mount namespace";
  const Event event = only(EventKind::process_start, ended.pid);
  EXPECT_EQ(event.bytes(Field::process_executable), place + "/nap");
  EXPECT_EQ(event.bytes(Field::process_working_directory), place);
  EXPECT_EQ(only(EventKind::process_digest, ended.pid).digest(Field::process_sha256),
            base::sha256(*base::read_file(std::filesystem::canonical("/bin/sleep"))));
}

TEST_F(RealKernel, keeps_the_lower_end_of_a_path_that_is_too_long) {
  START_OR_SKIP();
  const std::string name(200, 'd');
  const auto ended = run([&] {
    if (chdir(folder_.c_str()) != 0) _exit(99);
    for (int i = 0; i < 30; ++i)
      if (mkdir(name.c_str(), 0755) != 0 || chdir(name.c_str()) != 0) _exit(99);
    execl("/bin/true", "true", nullptr);
  });
  stop();
  ASSERT_EQ(ended.status, 0);
  const std::string folder(only(EventKind::process_start, ended.pid).bytes(Field::process_working_directory));
  EXPECT_TRUE(folder.starts_with("(...)/" + name)) << folder.substr(0, 40);
  EXPECT_TRUE(folder.ends_with("/" + name));
  EXPECT_GT(folder.size(), 3'500U);
}

TEST_F(RealKernel, goes_on_without_the_rights_that_it_needed_to_start) {
  const auto ended = run([&] {
    Options options;
    options.process_ring = 4'096;
    options.give_up_privileges = [] {
      __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
      __user_cap_data_struct keep[2]{};
      keep[0].effective = keep[0].permitted = 1U << CAP_SYS_PTRACE | 1U << CAP_DAC_READ_SEARCH;
      return syscall(SYS_capset, &header, keep) == 0 ? base::Status() : base::fail(base::Errc::forbidden, "capset");
    };
    if (!start(options)) _exit(77);
    {
      const std::lock_guard hold(kept_.gate);
      for (int i = 0; i < 100; ++i) run(std::vector<std::string>{"/bin/true"});
    }
    // The next look at losses reads counters and runs the iterator again.
    for (int i = 0; i < 500 && kept_.of(EventKind::loss).empty(); ++i) usleep(10'000);
    const auto last = run(std::vector<std::string>{"/bin/sleep", "0.1"});
    stop();
    bool lost = false;
    for (const Event& event : kept_.of(EventKind::loss)) lost |= event.bytes(Field::loss_of) == "process_start";
    const auto starts = kept_.of(EventKind::process_start, last.pid);
    const bool digested = starts.size() == 1 && (starts[0].has(Field::process_sha256) ||
                                                 kept_.of(EventKind::process_digest, last.pid).size() == 1);
    const bool known_parent = starts.size() == 1 && !starts[0].bytes(Field::parent_executable).empty();
    _exit((lost ? 0 : 1) | (digested ? 0 : 2) | (known_parent ? 0 : 4));
  });
  if (WEXITSTATUS(ended.status) == 77) GTEST_SKIP() << "skipped: this machine does not load BPF programs";
  EXPECT_EQ(WEXITSTATUS(ended.status), 0);
}

// A control group of the unified tree that bears a container's name, for as long as this lives.
class Container {
 public:
  Container() {
    for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
      if (!std::filesystem::exists(std::string(root) + "/cgroup.controllers")) continue;
      path_ = fmt::format("{}/docker-{}.scope", root, id());
      if (mkdir(path_.c_str(), 0755) == 0) return;
    }
    path_.clear();
  }
  ~Container() {
    if (is_there()) rmdir(path_.c_str());
  }
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;
  [[nodiscard]] bool is_there() const { return !path_.empty(); }
  [[nodiscard]] static std::string id() { return fmt::format("{:064x}", getpid()); }
  [[nodiscard]] std::uint64_t number() const {
    struct stat status{};
    return stat(path_.c_str(), &status) == 0 ? status.st_ino : 0;
  }
  void enter() const {
    const int file = open((path_ + "/cgroup.procs").c_str(), O_WRONLY);
    if (write(file, "0", 1) != 1) _exit(99);
    close(file);
  }

 private:
  std::string path_;
};

TEST_F(RealKernel, names_the_container_that_a_control_group_names) {
  const Container container;
  if (!container.is_there()) GTEST_SKIP() << "skipped: no unified control group tree to write to";
  START_OR_SKIP();
  const auto ended = run([&] {
    container.enter();
    execl("/bin/true", "true", nullptr);
  });
  stop();
  const Event event = only(EventKind::process_start, ended.pid);
  EXPECT_EQ(event.bytes(Field::process_container_id), Container::id());
  EXPECT_EQ(event.number(Field::process_cgroup_id), container.number());
}

TEST_F(RealKernel, says_nothing_of_a_muted_control_group_but_counts_it) {
  const Container container;
  if (!container.is_there()) GTEST_SKIP() << "skipped: no unified control group tree to write to";
  Options options;
  options.muted_cgroups = {container.number()};
  START_OR_SKIP(options);
  const auto ended = run([&] {
    container.enter();
    execl("/bin/true", "true", nullptr);
  });
  stop();
  EXPECT_TRUE(kept_.of(EventKind::process_start, ended.pid).empty());
  EXPECT_TRUE(kept_.of(EventKind::process_exit, ended.pid).empty());
  EXPECT_EQ(observer_->counts().front().muted, 1U);
}

TEST_F(RealKernel, counts_what_a_ring_that_is_too_small_loses) {
  Options options;
  options.kinds = {EventKind::process_start, EventKind::loss};
  options.process_ring = 4'096;
  START_OR_SKIP(options);
  for (int time = 1; time <= 2; ++time) {  // the second loss is told as what came on top of the first
    {
      const std::lock_guard hold(kept_.gate);
      for (int i = 0; i < 100; ++i) run(std::vector<std::string>{"/bin/true", "some", "arguments"});
    }
    const auto told_of_starts = [this] {
      return std::ranges::count(kept_.of(EventKind::loss), "process_start",
                                [](const Event& event) { return event.bytes(Field::loss_of); });
    };
    for (int i = 0; i < 500 && told_of_starts() < time; ++i) usleep(10'000);
  }
  stop();
  std::uint64_t told = 0, starts = 0;
  for (const Event& event : kept_.all()) {
    if (event.kind == EventKind::process_start) ++starts;
    if (event.kind != EventKind::loss || event.bytes(Field::loss_of) != "process_start") continue;
    EXPECT_EQ(event.number(Field::loss_is_exact), 1U);
    EXPECT_LE(*event.time(Field::loss_since), *event.time(Field::loss_until));
    told += *event.number(Field::loss_count);
  }
  const KindCount count = observer_->counts().front();
  EXPECT_EQ(count.name, "process_start");
  EXPECT_GE(count.seen, 200U);
  EXPECT_GT(told, 0U);
  EXPECT_EQ(told, count.lost);
  EXPECT_EQ(starts + told, count.seen);  // sent + lost = happened
}

TEST_F(RealKernel, says_nothing_of_a_muted_process_but_counts_it) {
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    (void)!read(gate[0], &byte, 1);
    execl("/bin/true", "true", nullptr);
    _exit(127);
  }
  Options options;
  options.muted_processes = {static_cast<std::uint32_t>(child)};
  const bool started = start(options);
  (void)!write(gate[1], "x", 1);
  waitpid(child, nullptr, 0);
  close(gate[0]);
  close(gate[1]);
  if (!started) GTEST_SKIP() << "skipped: " << skip_reason_;
  stop();
  for (const Event& event : kept_.all()) EXPECT_NE(event.number(Field::process_id), static_cast<std::uint64_t>(child));
  EXPECT_EQ(observer_->counts().front().muted, 1U);
}

}  // namespace
}  // namespace hinomi::observe::endpoint
