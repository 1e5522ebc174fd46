#include <say.hpp>
#include <verbs/demo.hpp>

#include <hinomi/base/digest.hpp>
#include <hinomi/base/escape.hpp>
#include <hinomi/base/random.hpp>
#include <hinomi/base/time.hpp>
#include <hinomi/net/client.hpp>

#include <fmt/format.h>
#include <boost/json.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace hinomi::centre {
namespace {

namespace fs = base::fs;
namespace json = boost::json;
using Clock = std::chrono::steady_clock;

volatile sig_atomic_t interrupted = 0;
void note_interrupt(int /*signal*/) { interrupted = 1; }

// SIGINT and SIGTERM end the demo in good order.
class Interrupts {
 public:
  Interrupts() {
    interrupted = 0;
    struct sigaction action{};
    action.sa_handler = note_interrupt;  // without SA_RESTART: what waits, wakes up
    sigaction(SIGINT, &action, &before_int_);
    sigaction(SIGTERM, &action, &before_term_);
  }
  ~Interrupts() {
    sigaction(SIGINT, &before_int_, nullptr);
    sigaction(SIGTERM, &before_term_, nullptr);
  }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

 private:
  struct sigaction before_int_{};
  struct sigaction before_term_{};
};

void pause_for(std::chrono::milliseconds duration) { poll(nullptr, 0, static_cast<int>(duration.count())); }

// What a step should lead to. `rule` is the id of a rule in rules/.
struct Expected {
  std::string_view step;  // demo.step.<step>, demo.rule.<step> in messages/
  std::string_view rule;
  std::string not_played;  // why; empty if it was
  std::string finding;     // its id, once seen
  double seconds = 0;      // from the step to the finding
  Clock::time_point played;
};

// Everything that the demo puts on the machine.
class Stage {
 public:
  explicit Stage(std::string marker) : marker_(std::move(marker)) {}
  ~Stage() {
    for (const pid_t child : children_) {
      kill(child, SIGKILL);
      while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    std::error_code ignored;
    for (const fs::path& folder : folders_) fs::remove_all(folder, ignored);
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // A new folder of ours under `parent`, closed to others.
  base::Result<fs::path> folder(const fs::path& parent) {
    fs::path path = parent / marker_;
    if (mkdir(path.c_str(), 0700) != 0) return base::fail(base::error_from_errno(errno, path.string()));
    folders_.push_back(path);
    return path;
  }

  static base::Status copy(const fs::path& from, const fs::path& to, base::ByteView tail) {
    base::Bytes content = TRY(base::read_file(from));
    content += tail;
    return base::write_file(to, content, base::Durability::renamed, 0700);
  }

  base::Status start(const std::vector<std::string>& arguments, const fs::path& program) {
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    std::array<char*, 3> environment{const_cast<char*>("PATH=/usr/sbin:/usr/bin:/sbin:/bin"),
                                     const_cast<char*>("LC_ALL=C"), nullptr};
    pid_t child = -1;
    const int error = posix_spawn(&child, program.c_str(), &files, nullptr, argv.data(), environment.data());
    posix_spawn_file_actions_destroy(&files);
    if (error != 0) return base::fail(base::error_from_errno(error, program.string()));
    children_.push_back(child);
    return {};
  }

  // Waits for all that were started; what does not end in time is killed with the stage.
  void finish(std::chrono::seconds limit) {
    const auto until = Clock::now() + limit;
    while (!children_.empty() && Clock::now() < until && interrupted == 0) {
      std::erase_if(children_, [](pid_t child) { return waitpid(child, nullptr, WNOHANG) == child; });
      if (!children_.empty()) pause_for(std::chrono::milliseconds(20));
    }
  }

  [[nodiscard]] const std::string& marker() const { return marker_; }

 private:
  std::string marker_;
  std::vector<fs::path> folders_;
  std::vector<pid_t> children_;
};

struct Listener {
  base::Descriptor socket;
  std::uint16_t port = 0;

  static base::Result<Listener> open() {
    Listener out;
    out.socket = base::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (!out.socket.is_open() || bind(out.socket.get(), generic, size) != 0 || listen(out.socket.get(), 4) != 0 ||
        getsockname(out.socket.get(), generic, &size) != 0)
      return base::fail(base::error_from_errno(errno, "a listener on loopback"));
    out.port = ntohs(address.sin_port);
    return out;
  }

  // Whether somebody connected; the connection is closed again.
  [[nodiscard]] bool accepted_within(std::chrono::milliseconds limit) const {
    pollfd ready{.fd = socket.get(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, static_cast<int>(limit.count())) != 1) return false;
    const base::Descriptor connection(accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return connection.is_open();
  }
};

fs::path first_there(std::initializer_list<std::string_view> candidates) {
  std::error_code ignored;
  for (const std::string_view candidate : candidates)
    if (fs::exists(candidate, ignored)) return candidate;
  return *candidates.begin();
}

class Demo {
 public:
  explicit Demo(const DemoOptions& options)
      : options_(options), stage_("hinomi-demo-" + base::to_hex(base::SystemRandom().bytes(6))) {}

  int run() {
    if (const auto status = ask("/api/v1/status", ""); !status) return failed(status.error());
    // What the log received before is not ours; a little earlier, in case two clocks disagree.
    since_ = base::SystemClock().now().plus_seconds(-5).rfc3339(3);
    tell("demo.begins", {});
    play();
    if (interrupted != 0) return ended_early();
    for (const Expected& expected : expected_) announce(expected);
    if (!options_.json) print(text("demo.waiting", {{"seconds", std::to_string(options_.wait.count())}}));
    const base::Status watched = watch();
    if (!watched) return failed(watched.error());
    stage_.finish(std::chrono::seconds(5));
    if (interrupted != 0) return ended_early();
    return conclude();
  }

 private:
  Expected& step(std::string_view name) {
    for (Expected& expected : expected_)
      if (expected.step == name) return expected;
    base::broken_invariant("the demo knows its steps", __FILE__, __LINE__);
  }
  void played(std::string_view name, const base::Status& status) {
    Expected& expected = step(name);
    expected.played = Clock::now();
    if (!status) expected.not_played = status.error().what;
  }

  void play() {
    played("shared_memory", play_shared_memory());
    played("piped_script", play_piped_script());
    played("renamed_tool", play_renamed_tool());
  }

  // A program that nobody has seen before runs from memory and connects to this machine itself.
  base::Status play_shared_memory() {
    const auto not_played = [&](const base::Error& error) -> base::Status {
      played("connection", base::fail(error));
      return base::fail(error);
    };
    const auto folder = stage_.folder("/dev/shm");
    if (!folder) return not_played(folder.error());
    const fs::path program = *folder / "program";
    const base::Bytes tail = base::SystemRandom().bytes(32);
    if (const auto copied = Stage::copy(first_there({"/usr/bin/bash", "/bin/bash"}), program, tail); !copied)
      return not_played(copied.error());
    if (const auto content = base::read_file(program)) program_digest_ = base::sha256(*content).hex();
    const auto listener = Listener::open();
    if (!listener) return not_played(listener.error());
    const std::string line = fmt::format("exec 3<>/dev/tcp/127.0.0.1/{}; sleep 1", listener->port);
    if (const auto started = stage_.start({program.string(), "-c", line}, program); !started)
      return not_played(started.error());
    const bool connected = listener->accepted_within(std::chrono::seconds(3));
    played("connection", connected ? base::Status() : base::fail(base::Errc::timed_out, "no connection within 3 s"));
    return {};
  }

  base::Status play_piped_script() {
    const std::string script = base::to_base64("echo 'Hinomi demo: this script does nothing'\n");
    const std::string line = fmt::format("echo {} | base64 -d | sh # {}", script, stage_.marker());
    return stage_.start({"sh", "-c", line}, "/bin/sh");
  }

  // The original runs first, so that the centre knows whose copy it is.
  base::Status play_renamed_tool() {
    const fs::path original = first_there({"/usr/bin/sleep", "/bin/sleep"});
    TRY_VOID(stage_.start({"sleep", "0"}, original));
    const fs::path folder = TRY(stage_.folder("/tmp"));
    const fs::path copy = folder / "sshd";
    TRY_VOID(Stage::copy(original, copy, ""));
    return stage_.start({"sshd", "1"}, copy);
  }

  base::Result<json::object> ask(std::string path, std::string query) {
    if (client_ == nullptr) client_ = TRY(net::Client::create({.url = "unix:" + options_.socket.string()}));
    net::Request request;
    request.path = std::move(path);
    request.query = std::move(query);
    const net::Response response = TRY(client_->send(request));
    boost::system::error_code error;
    const json::value body = json::parse(response.body, error);
    if (error || !body.is_object()) return base::fail(base::Errc::malformed, "the centre's answer is not JSON");
    if (response.status == 200) return body.get_object();
    const json::value* told = body.get_object().if_contains("error");
    const auto part = [&](std::string_view key) -> std::string {
      const json::value* value = told != nullptr && told->is_object() ? told->get_object().if_contains(key) : nullptr;
      return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
    };
    return base::fail(base::errc_named(part("code")), part("message"));
  }

  static std::string text_at(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
  }

  static const json::array* list_at(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    return value != nullptr && value->is_array() ? &value->get_array() : nullptr;
  }

  // Whether the finding is about what this demo did: a value that the rule looked at carries our mark.
  [[nodiscard]] bool is_ours(const json::object& finding) const {
    const json::array* matched = list_at(finding, "matched");
    return matched != nullptr && std::ranges::any_of(*matched, [this](const json::value& field) {
             return field.is_object() &&
                    text_at(field.get_object(), "value").find(stage_.marker()) != std::string::npos;
           });
  }

  base::Status look_for(Expected& expected) {
    const json::object answer =
        TRY(ask("/api/v1/findings", fmt::format("rule={}&since={}&limit=100", expected.rule, since_)));
    const json::array* findings = list_at(answer, "findings");
    if (findings == nullptr) return base::fail(base::Errc::malformed, "the centre's answer holds no findings");
    for (const json::value& finding : *findings) {
      if (!finding.is_object() || !is_ours(finding.get_object())) continue;
      expected.finding = text_at(finding.get_object(), "id");
      expected.seconds = std::chrono::duration<double>(Clock::now() - expected.played).count();
      tell_step(expected, "found");
      break;
    }
    return {};
  }

  // The indicator of the program that nobody had seen before.
  base::Status look_for_indicator() {
    const json::object answer = TRY(ask("/api/v1/indicators", "type=file-sha256&limit=100"));
    const json::array* indicators = list_at(answer, "indicators");
    if (indicators == nullptr) return {};
    for (const json::value& indicator : *indicators)
      if (indicator.is_object() && text_at(indicator.get_object(), "value") == program_digest_)
        indicator_ = text_at(indicator.get_object(), "id");
    return {};
  }

  base::Status watch() {
    const auto until = Clock::now() + options_.wait;
    while (interrupted == 0) {
      bool waiting = false;
      for (Expected& expected : expected_) {
        if (!expected.finding.empty() || !expected.not_played.empty()) continue;
        TRY_VOID(look_for(expected));
        waiting = waiting || expected.finding.empty();
      }
      const bool indicator_due = indicator_.empty() && step("shared_memory").not_played.empty();
      if (indicator_due) TRY_VOID(look_for_indicator());
      if ((!waiting && (!indicator_due || !indicator_.empty())) || Clock::now() >= until) return {};
      pause_for(std::chrono::milliseconds(250));
    }
    return {};
  }

  int conclude() {
    std::size_t missing = 0;
    for (const Expected& expected : expected_) {
      if (!expected.finding.empty()) continue;
      ++missing;
      if (expected.not_played.empty()) tell_step(expected, "missing");
    }
    if (!indicator_.empty()) {
      if (options_.json)
        print(json::serialize(
            json::object{{"state", "indicator"}, {"indicator", indicator_}, {"value", program_digest_}}));
      else print(text("demo.indicator", {{"id", indicator_}, {"value", program_digest_}}));
    }
    if (missing == 0) tell("demo.all", {{"count", std::to_string(expected_.size())}});
    else tell("demo.some", {{"missing", std::to_string(missing)}, {"count", std::to_string(expected_.size())}});
    return missing == 0 ? 0 : 1;
  }

  void tell(std::string_view key, std::initializer_list<std::pair<std::string_view, std::string_view>> values) const {
    if (!options_.json) print(text(key, values));
  }

  static std::string words(std::string_view kind, const Expected& expected) {
    return text(fmt::format("demo.{}.{}", kind, expected.step));
  }

  void announce(const Expected& expected) const {
    tell_step(expected, expected.not_played.empty() ? "expected" : "not_played");
  }

  void tell_step(const Expected& expected, std::string_view state) const {
    const std::string seconds = fmt::format("{:.1f}", expected.seconds);
    if (!options_.json) {
      print(text(fmt::format("demo.line.{}", state), {{"step", words("step", expected)},
                                                      {"rule", words("rule", expected)},
                                                      {"seconds", seconds},
                                                      {"why", base::escape_for_display(expected.not_played)}}));
      return;
    }
    json::object line{
        {"state", state}, {"step", expected.step}, {"rule", expected.rule}, {"title", words("rule", expected)}};
    if (state == "found") {
      line.emplace("finding", expected.finding);
      line.emplace("seconds", expected.seconds);
    }
    if (state == "not_played") line.emplace("why", base::escape_for_display(expected.not_played));
    print(json::serialize(line));
  }

  static int failed(const base::Error& error) {
    say(text("demo.failed", {{"what", error.what}}));
    return base::exit_code_of(error.code);
  }
  int ended_early() const {
    tell("demo.interrupted", {});
    return 130;
  }

  const DemoOptions& options_;
  const Interrupts interrupts_;
  Stage stage_;
  std::unique_ptr<net::Client> client_;
  std::string since_;
  std::string program_digest_;
  std::string indicator_;
  std::array<Expected, 4> expected_{{
      {.step = "shared_memory", .rule = "c78bd6e0-ea5e-5a34-98a7-6a807f2d4b23"},
      {.step = "connection", .rule = "16c9e202-5548-573a-8bb1-a275dcc99a90"},
      {.step = "piped_script", .rule = "2ad8affe-6af4-5c8a-ab2b-63f8ac412aed"},
      {.step = "renamed_tool", .rule = "312002df-51ee-54be-b443-1531aa460ba8"},
  }};
};

}  // namespace

int run_demo(const DemoOptions& options) { return Demo(options).run(); }

}  // namespace hinomi::centre
