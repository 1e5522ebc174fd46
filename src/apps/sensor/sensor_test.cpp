// The two programs as they are built: what they can reach, what they give up, and one process from the kernel to the ledger.
#include "config.hpp"
#include "confinement.hpp"
#include "notes.hpp"

#include <hinomi/base/messages.hpp>
#include <hinomi/consent/ledger.hpp>
#include <hinomi/consent/ledger_reader.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>
#include <utility>

namespace hinomi::sensor {
namespace {

using base::Errc;
using namespace std::string_literals;

const base::fs::path kBin = HINOMI_BIN_DIR;

class Folder {
 public:
  Folder() {
    std::string name = (base::fs::temp_directory_path() / "hinomi-sensor.XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { base::fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const base::fs::path& path() const { return path_; }

 private:
  base::fs::path path_;
};

struct Output {
  int code = -1;
  std::string text;
};
// A program's output and exit code.
Output run(const std::vector<std::string>& arguments) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  Output out;
  char buffer[4096];
  for (ssize_t got = ::read(ends[0], buffer, sizeof buffer); got > 0; got = ::read(ends[0], buffer, sizeof buffer))
    out.text.append(buffer, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  out.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return out;
}

// What a child process exits with after giving up rights and trying `act`.
int in_child(const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(act());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(Config, of_the_package_is_what_the_code_says) {
  const auto packaged = base::read_file(base::fs::path(HINOMI_SOURCE_DIR) / "packaging/sensor.yaml");
  ASSERT_TRUE(packaged) << packaged.error().what;
  EXPECT_EQ(*packaged, documented_defaults());
  const auto parsed = Config::parse(*packaged, "/etc/hinomi/sensor.yaml");
  ASSERT_TRUE(parsed) << parsed.error().what;
  EXPECT_EQ(parsed->data, Config{}.data);
  EXPECT_EQ(parsed->heartbeat_seconds, Config{}.heartbeat_seconds);
}

TEST(Config, names_file_and_line_of_a_mistake) {
  const auto refusal = [](std::string_view yaml) { return Config::parse(yaml, "/x/sensor.yaml").error().what; };
  EXPECT_EQ(refusal("data: /var\nusre: me\n"), "/x/sensor.yaml: line 2: there is no setting 'usre'");
  EXPECT_EQ(refusal("heartbeat_seconds: often\n"),
            "/x/sensor.yaml: line 1: 'heartbeat_seconds' must be a whole number from 5 to 3600");
  EXPECT_EQ(Config::parse("data: sensor\n", "/x/sensor.yaml")->data, "/x/sensor");
  EXPECT_EQ(Config::parse("# nothing\n", "/x/sensor.yaml")->data, Config{}.data);
}

TEST(Texts, of_the_sensor_are_there_in_both_languages) {
  const auto& english = base::Messages::built_in(base::Language::english).all();
  const auto& japanese = base::Messages::built_in(base::Language::japanese).all();
  std::size_t count = 0;
  for (const auto& [key, text] : english) {
    if (!key.starts_with("sensor.")) continue;
    ++count;
    EXPECT_TRUE(japanese.contains(key)) << key;
  }
  EXPECT_GT(count, 50u);
}

TEST(Probe, links_no_network_library_and_no_network_function) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "skipped: a sanitizer's runtime brings network functions of its own; the release build is tested";
#endif
  const Output needed = run({"readelf", "-d", (kBin / "hinomi-probe").string()});
  ASSERT_EQ(needed.code, 0) << needed.text;
  for (const char* library : {"libssl", "libcurl", "libresolv", "libnghttp", "boost_system", "boost_url"})
    EXPECT_EQ(needed.text.find(library), std::string::npos) << library;
  const Output symbols = run({"nm", "-D", "--undefined-only", (kBin / "hinomi-probe").string()});
  ASSERT_EQ(symbols.code, 0) << symbols.text;
  ASSERT_NE(symbols.text.find(" read@"), std::string::npos) << "the list can be read";
  for (const char* name : {"socket", "connect", "bind", "listen", "accept", "accept4", "send", "sendto", "sendmsg",
                           "recv", "recvfrom", "recvmsg", "getaddrinfo", "gethostbyname", "SSL_new", "BIO_new_connect"})
    EXPECT_EQ(symbols.text.find(fmt::format(" {}@", name)), std::string::npos) << name;
  const Output own = run({"nm", "-C", (kBin / "hinomi-probe").string()});
  for (const char* part : {"hinomi::net::", "hinomi::link::", "boost::asio::", "boost::beast::"})
    EXPECT_EQ(own.text.find(part), std::string::npos) << part;
}

TEST(Confinement, of_the_uplink_refuses_programs_tracing_mounts_and_bpf) {
  EXPECT_EQ(in_child([] {
              if (!refuse_calls(Calls::uplink)) return 100;
              char* const nothing[] = {nullptr};
              if (::execve("/bin/true", nothing, nothing) != -1 || errno != EPERM) return 1;
              if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != -1 || errno != EPERM) return 2;
              if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != -1 || errno != EPERM) return 3;
              if (::syscall(SYS_bpf, 0, nullptr, 0) != -1 || errno != EPERM) return 4;
              if (::syscall(SYS_finit_module, -1, "", 0) != -1 || errno != EPERM) return 5;
              if (::syscall(SYS_kexec_load, 0, 0, nullptr, 0) != -1 || errno != EPERM) return 6;
              if (::unshare(0x10000000) != -1 || errno != EPERM) return 7;
              const int door = ::socket(AF_INET, SOCK_STREAM, 0);  // what it is for still works
              return door >= 0 ? 0 : 8;
            }),
            0);
}

TEST(Confinement, of_the_probe_refuses_internet_sockets_in_every_thread) {
  EXPECT_EQ(in_child([] {
              int result = -1;
              std::atomic<bool> go = false;
              std::thread other([&] {
                while (!go) std::this_thread::yield();
                result = ::socket(AF_INET6, SOCK_DGRAM, 0) == -1 && errno == EPERM ? 0 : 2;
              });
              const auto refused = refuse_calls(Calls::probe);
              go = true;
              other.join();
              if (!refused) return 100;
              if (::socket(AF_INET, SOCK_STREAM, 0) != -1 || errno != EPERM) return 1;
              char* const nothing[] = {nullptr};
              if (::execve("/bin/true", nothing, nothing) != -1 || errno != EPERM) return 3;
              return result;
            }),
            0);
}

TEST(Confinement, drops_capabilities_in_every_thread) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root to have something to drop";
  EXPECT_EQ(in_child([] {
              const auto effective = [] {
                std::ifstream status(fmt::format("/proc/self/task/{}/status", ::syscall(SYS_gettid)));
                for (std::string line; std::getline(status, line);)
                  if (line.starts_with("CapEff:")) return std::stoull(line.substr(7), nullptr, 16);
                return ~0ULL;
              };
              unsigned long long other_has = ~0ULL;
              std::atomic<bool> go = false;
              std::thread other([&] {
                while (!go) std::this_thread::yield();
                other_has = effective();
              });
              const auto dropped = drop_capabilities({CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE});
              go = true;
              other.join();
              if (!dropped) return 100;
              const unsigned long long allowed = (1ULL << CAP_DAC_READ_SEARCH) | (1ULL << CAP_SYS_PTRACE);
              if ((effective() & ~allowed) != 0) return 1;
              if ((other_has & ~allowed) != 0) return 2;
              return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == -1 && errno == EPERM ? 0 : 3;
            }),
            0);
}

TEST(Confinement, reaches_only_the_folders_it_was_given) {
  const Folder folder;
  ASSERT_TRUE(base::make_folder(folder.path() / "open"));
  ASSERT_TRUE(base::make_folder(folder.path() / "readable"));
  ASSERT_TRUE(base::make_folder(folder.path() / "closed"));
  for (const char* name : {"readable", "closed"}) ASSERT_TRUE(base::write_file(folder.path() / name / "file", "x"));
  const int code = in_child([&] {
    const auto confined = confine_files(
        {.read = {folder.path() / "readable", folder.path() / "missing"}, .write = {folder.path() / "open"}});
    if (!confined) return confined.error().code == Errc::unsupported ? 77 : 100;
    if (!base::write_file(folder.path() / "open/file", "y", base::Durability::renamed)) return 1;
    if (!base::read_file(folder.path() / "readable/file")) return 2;
    if (base::write_file(folder.path() / "readable/other", "y", base::Durability::renamed)) return 3;
    if (base::read_file(folder.path() / "closed/file")) return 4;
    if (base::read_file("/etc/passwd")) return 5;
    return 0;
  });
  if (code == 77) GTEST_SKIP() << "skipped: this kernel has no Landlock";
  EXPECT_EQ(code, 0);
}

TEST(Confinement, takes_on_an_account_for_good) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
  EXPECT_EQ(in_child([] {
              const auto account = find_account("nobody");
              if (!account) return 100;
              if (!switch_user(*account)) return 101;
              if (::geteuid() == 0 || ::getuid() == 0) return 1;
              return ::setuid(0) == -1 ? 0 : 2;
            }),
            0);
  EXPECT_EQ(find_account("no-such-account-here").error().code, Errc::not_found);
}

TEST(Notes, that_are_links_or_too_large_are_not_read) {
  const Folder folder;
  ASSERT_TRUE(base::write_file(folder.path() / "secret", "s"));
  ASSERT_EQ(::symlink((folder.path() / "secret").c_str(), (folder.path() / "link").c_str()), 0);
  ASSERT_EQ(::mkfifo((folder.path() / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(read_untrusted(folder.path() / "link", 10));
  EXPECT_EQ(read_untrusted(folder.path() / "fifo", 10).error().code, Errc::malformed);
  ASSERT_TRUE(base::write_file(folder.path() / "large", std::string(11, 'x')));
  EXPECT_EQ(read_untrusted(folder.path() / "large", 10).error().code, Errc::too_large);
  EXPECT_EQ(*read_untrusted(folder.path() / "secret", 10), "s");
}

// Ends its process when the test does, however it does.
struct Child {
  pid_t pid = -1;
  explicit Child(pid_t started) : pid(started) {}
  ~Child() { end(SIGKILL); }
  // The wait status; 0 if it was ended before.
  int end(int signal) {
    int status = 0;
    if (pid < 0) return 0;
    ::kill(pid, signal);
    ::waitpid(std::exchange(pid, -1), &status, 0);
    return status;
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
};

// A machine that is enrolled with a centre which is never asked.
struct Machine {
  Folder folder;
  base::SystemRandom random;
  Files files{folder.path() / "sensor"};
  base::fs::path config = folder.path() / "sensor.yaml";
  proof::SigningKey owner = proof::SigningKey::generate("owner@city-hall", random);
  proof::SigningKey evidence = proof::SigningKey::generate("hinomi.test/evidence/city-hall", random);
  consent::Trust trust{.organisation = *model::OrganisationId::parse("city-hall"),
                       .system = *model::SystemId::parse("staff-pcs"),
                       .sensor = {base::Uuid::random(random)},
                       .centre = "hinomi.test",
                       .manifest_keys = {owner.verifier()},
                       .evidence_key = evidence.verifier()};
  std::optional<proof::VerifierKey> ledger_key;

  Machine() {
    EXPECT_TRUE(base::write_file(config, "data: sensor\nuser: \"\"\nflush_milliseconds: 100\n"));
    EXPECT_TRUE(prepare_folders(files, std::nullopt));
    EXPECT_TRUE(base::write_file(files.trust(), consent::to_yaml(trust)));
    const auto key = consent::open_ledger_key(files.ledger_key(), "ledger", random);
    ledger_key = key->verifier();
    EXPECT_TRUE(base::write_file(files.ledger_verifier(), key->verifier().text() + "\n"));
    EXPECT_TRUE(base::write_file(files.owner_key(), owner.text() + "\n", base::Durability::renamed, 0600));
  }
  [[nodiscard]] base::fs::path manifest_file(std::uint64_t version, const std::string& predecessor) const {
    std::string yaml = *base::read_file(base::fs::path(HINOMI_SOURCE_DIR) / "packaging/manifest.yaml");
    yaml = *consent::fill_manifest(yaml, {.organisation = trust.organisation,
                                          .version = version,
                                          .valid_from = *base::Time::parse_rfc3339("2020-01-01T00:00:00Z"),
                                          .valid_until = *base::Time::parse_rfc3339("2100-01-01T00:00:00Z")});
    yaml.replace(yaml.find("predecessor: null"), 17, "predecessor: " + predecessor);
    const auto file = folder.path() / fmt::format("manifest-{}.yaml", version);
    EXPECT_TRUE(base::write_file(file, yaml));
    return file;
  }
  [[nodiscard]] Output sensor(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), (kBin / "hinomi-sensor").string());
    arguments.insert(arguments.end(), {"--config", config.string()});
    return run(arguments);
  }
  // Looks again and again, as the ledger grows, for an event; false after ten seconds.
  [[nodiscard]] bool ledger_comes_to_hold(
      const std::function<bool(const model::Event&)>& is_it, const std::function<void()>& meanwhile = [] {}) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    std::uint64_t next = 0;
    std::unique_ptr<consent::LedgerReader> reader;
    while (std::chrono::steady_clock::now() < deadline) {
      if (reader == nullptr) {
        auto opened = consent::LedgerReader::open(files.ledger(), trust.ledger_origin(), *ledger_key);
        if (opened) reader = std::move(*opened);
      } else if (reader->refresh()) {
        for (; next < reader->size(); ++next)
          if (const auto entry = reader->open_entry(next))
            for (const model::Event& event : entry->events)
              if (is_it(event)) return true;
      }
      meanwhile();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
};

TEST(ManifestVerb, signs_into_force_and_refuses_what_is_no_manifest) {
  const Machine machine;
  const Output none = machine.sensor({"manifest"});
  EXPECT_EQ(none.code, 4) << none.text;
  const Output signed_one = machine.sensor({"manifest", "sign", machine.manifest_file(1, "null").string()});
  EXPECT_EQ(signed_one.code, 0) << signed_one.text;
  const Output shown = machine.sensor({"manifest", "--json"});
  EXPECT_EQ(shown.code, 0);
  EXPECT_NE(shown.text.find("\"process_arguments\":\"truncate 8192\""), std::string::npos) << shown.text;
  ASSERT_TRUE(base::write_file(machine.folder.path() / "bad.yaml", "manifest: 1\nversoin: 2\n"));
  const Output bad = machine.sensor({"manifest", "--check", (machine.folder.path() / "bad.yaml").string()});
  EXPECT_EQ(bad.code, 3);
  EXPECT_NE(bad.text.find("line 2: the manifest has no key 'versoin'"), std::string::npos) << bad.text;
}

TEST(Sensor, takes_a_process_from_the_kernel_into_the_ledger_and_stops_in_good_order) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root to load BPF";
  if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0) GTEST_SKIP() << "skipped: this kernel has no BTF";
  const Machine machine;
  ASSERT_EQ(machine.sensor({"manifest", "sign", machine.manifest_file(1, "null").string()}).code, 0);
  const std::string log = (machine.folder.path() / "probe.log").string();
  const auto start = [&] {
    const pid_t child = ::fork();
    if (child == 0) {
      const int file = ::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
      ::dup2(file, STDERR_FILENO);
      // The leak checker traces its process, which a probe without capabilities refuses.
      ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
      ::execl((kBin / "hinomi-probe").c_str(), "hinomi-probe", "--config", machine.config.c_str(), nullptr);
      ::_exit(127);
    }
    return child;
  };
  Child first_run{start()};
  const pid_t probe = first_run.pid;
  const auto kind_is = [](model::EventKind kind) {
    return [kind](const model::Event& event) { return event.kind == kind; };
  };
  ASSERT_TRUE(machine.ledger_comes_to_hold(kind_is(model::EventKind::sensor_start))) << *base::read_file(log);

  // Rights that are gone, in every thread.
  std::size_t threads = 0;
  for (const auto& thread : base::fs::directory_iterator(fmt::format("/proc/{}/task", probe))) {
    std::ifstream status(thread.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("CapEff:"))
        EXPECT_EQ(
            std::stoull(line.substr(7), nullptr, 16) & ~((1ULL << CAP_DAC_READ_SEARCH) | (1ULL << CAP_SYS_PTRACE)), 0u);
      if (line.starts_with("Seccomp:")) EXPECT_EQ(line.back(), '2') << line;
      if (line.starts_with("NoNewPrivs:")) EXPECT_EQ(line.back(), '1') << line;
    }
    ++threads;
  }
  EXPECT_GE(threads, 3u);
  for (const auto& descriptor : base::fs::directory_iterator(fmt::format("/proc/{}/fd", probe))) {
    std::error_code error;
    EXPECT_EQ(base::fs::read_symlink(descriptor, error).string().find("socket:"), std::string::npos);
  }

  // The act, with a secret among its arguments.
  const std::string mark = "mark-" + base::to_hex(base::SystemRandom().bytes(8));
  const std::string secret = "secret-" + base::to_hex(base::SystemRandom().bytes(8));
  EXPECT_EQ(run({"/bin/echo", mark, "--password=" + secret}).code, 0);
  ASSERT_TRUE(machine.ledger_comes_to_hold([&](const model::Event& event) {
    const std::string line = model::command_line_of(event.bytes(model::Field::process_arguments));
    if (event.kind != model::EventKind::process_start || line.find(mark) == std::string::npos) return false;
    EXPECT_EQ(line, "/bin/echo " + mark + " --password=***");
    EXPECT_FALSE(event.bytes(model::Field::process_guid).empty());
    return true;
  })) << *base::read_file(log);

  // A later manifest comes in through the inbox.
  const base::Digest first = base::sha256(*base::read_file(machine.files.manifest()));
  const Output handed = machine.sensor({"manifest", "sign", machine.manifest_file(2, first.hex()).string()});
  EXPECT_EQ(handed.code, 0) << handed.text;
  ASSERT_TRUE(machine.ledger_comes_to_hold([&](const model::Event& event) {
    return event.kind == model::EventKind::sensor_start && event.digest(model::Field::sensor_manifest) != first;
  })) << *base::read_file(log);
  // One that nobody it knows has signed does not.
  ASSERT_TRUE(base::write_file(machine.files.inbox() / "3.manifest.note", "manifest: 1\n\n\xE2\x80\x94 x AAAA\n"));

  const Output running = machine.sensor({"status", "--json"});
  EXPECT_NE(running.text.find("\"probe_state\":\"running\""), std::string::npos) << running.text;
  EXPECT_NE(running.text.find("sched_process_exec"), std::string::npos) << running.text;
  EXPECT_EQ(running.code, 1) << "the uplink does not run";

  const int status = first_run.end(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << *base::read_file(log);
  EXPECT_TRUE(machine.ledger_comes_to_hold(kind_is(model::EventKind::sensor_stop)));
  const Output verified = machine.sensor({"ledger", "verify", "--json"});
  EXPECT_EQ(verified.code, 0) << verified.text;
  EXPECT_NE(verified.text.find("\"verdict\":\"WHOLE\""), std::string::npos) << verified.text;
  const Output stopped = machine.sensor({"status"});
  EXPECT_EQ(stopped.code, 1) << stopped.text;
  const Output listed = machine.sensor({"ledger", "list", "--last", "3", "--json"});
  EXPECT_EQ(listed.code, 0) << listed.text;
  const Output opened = machine.sensor({"ledger", "open", "0"});
  EXPECT_NE(opened.text.find("sensor_start"), std::string::npos) << opened.text;

  // Killed at any moment, again and again: what was committed stays, and each start goes on from it.
  for (int round = 0; round < 5; ++round) {
    const base::Bytes before = machine.sensor({"ledger", "verify", "--json"}).text;
    Child victim{start()};
    const std::string sign_of_life = "life-" + base::to_hex(base::SystemRandom().bytes(8));
    ASSERT_TRUE(machine.ledger_comes_to_hold(
        [&](const model::Event& event) {
          return event.bytes(model::Field::process_arguments).find(sign_of_life) != std::string_view::npos;
        },
        [&] { run({"/bin/echo", sign_of_life}); }))
        << *base::read_file(log);
    victim.end(SIGKILL);
    const Output after = machine.sensor({"ledger", "verify", "--json"});
    EXPECT_EQ(after.code, 0) << after.text;
    EXPECT_NE(after.text, before);
  }

  // The secret is nowhere on disk.
  for (const auto& entry : base::fs::recursive_directory_iterator(machine.folder.path())) {
    if (!entry.is_regular_file()) continue;
    const auto content = base::read_file(entry.path());
    if (content) EXPECT_EQ(content->find(secret), std::string::npos) << entry.path();
  }

  // A byte of the ledger changes: the owner is told where.
  for (const auto& entry : base::fs::directory_iterator(machine.files.ledger() / "segments")) {
    if (entry.path().extension() != ".seg") continue;
    std::string content = *base::read_file(entry.path());
    content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
    ASSERT_TRUE(base::write_file(entry.path(), content));
  }
  const Output broken = machine.sensor({"ledger", "verify"});
  EXPECT_EQ(broken.code, 1) << broken.text;
  EXPECT_NE(broken.text.find("segment 0000000000000000"), std::string::npos) << broken.text;
}

}  // namespace
}  // namespace hinomi::sensor
