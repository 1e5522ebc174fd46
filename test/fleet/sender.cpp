// A probe without a kernel: made-up events through the sensor's own recorder into the ledger.
#include "config.hpp"
#include "facts.hpp"
#include "notes.hpp"
#include "recorder.hpp"

#include <hinomi/base/random.hpp>
#include <hinomi/consent/ledger.hpp>

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include <csignal>
#include <thread>

namespace {

using namespace hinomi;
using namespace std::string_view_literals;
using model::EventKind;
using model::Field;

// Starts of processes, and now and then a program in shared memory that connects somewhere: what the rules look for.
class Story {
 public:
  explicit Story(base::Random& random) : run_(base::to_hex(random.bytes(8))) {}

  void next(std::vector<model::Event>& out, base::Time now) {
    const std::uint64_t number = ++number_;
    const bool suspicious = number % 500 == 0;
    const std::string name =
        suspicious ? fmt::format("/dev/shm/load-{}-{}", run_, number) : fmt::format("/usr/bin/tool-{}", number % 97);
    const std::string guid = base::sha256(run_ + std::to_string(number)).hex().substr(0, 32);
    model::Event start;
    start.kind = EventKind::process_start;
    start.source_time = start.observed_time = now;
    start.set(Field::process_guid, std::string_view(guid));
    start.set(Field::process_id, 1000 + number % 30'000);
    start.set(Field::process_executable, std::string_view(name));
    const std::string arguments = fmt::format("{0}\0--number\0{1}\0--in\0/srv/files/{1}\0"sv, name, number);
    start.set(Field::process_arguments, std::string_view(arguments));
    start.set(Field::process_arguments_length, arguments.size());
    start.set(Field::process_working_directory, "/srv");
    start.set(Field::process_user_id, "1000");
    start.set(Field::process_digest_state, "known");
    start.set(Field::process_sha256, base::sha256(name));
    start.set(Field::parent_guid, std::string_view(parent_));
    start.set(Field::parent_id, std::uint64_t{999});
    start.set(Field::parent_executable, "/usr/bin/bash");
    out.push_back(std::move(start));
    if (!suspicious) return;
    model::Event connect;
    connect.kind = EventKind::network_connect;
    connect.source_time = connect.observed_time = now;
    connect.set(Field::process_guid, std::string_view(guid));
    connect.set(Field::process_executable, std::string_view(name));
    connect.set(Field::network_protocol, "tcp");
    connect.set(Field::network_initiated, std::uint64_t{1});
    connect.set(Field::destination_address, base::IpAddress::parse(fmt::format("9.{}.{}.{}", number / 65'536 % 256,
                                                                               number / 256 % 256, number % 256))
                                                .value());
    connect.set(Field::destination_port, std::uint64_t{443});
    out.push_back(std::move(connect));
  }

 private:
  static constexpr std::string_view parent_ = "00000000000000000000000000000001";
  const std::string run_;
  std::uint64_t number_ = 0;
};

struct Load {
  std::uint64_t rate = 500;  // events a second; 0: as fast as they are taken
  std::uint64_t events = 0;  // then end; 0: until told
};

base::Status run(const sensor::Config& config, const Load& load) {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  const base::SystemClock clock;
  base::SystemRandom random;
  const sensor::Files files(config.data);
  const consent::Trust trust = TRY(sensor::read_trust(files));
  const std::shared_ptr<const consent::Manifest> manifest = TRY(sensor::read_manifest(files, trust));
  const proof::SigningKey key = TRY(consent::open_ledger_key(files.ledger_key(), "ledger", random));
  const base::Bytes hash_key = TRY(consent::open_hash_key(files.hash_key(), random));
  auto ledger = TRY(consent::Ledger::open(files.ledger(),
                                          {.organisation = trust.organisation,
                                           .system = trust.system,
                                           .sensor = trust.sensor,
                                           .origin = trust.ledger_origin()},
                                          key, manifest, hash_key, {.spool_bytes = config.spool_bytes}, clock, random));
  pipe::Pipe<model::Event> observed(config.queue_events, pipe::WhenFull::block);
  sensor::Recorder recorder(config, trust, std::move(ledger), observed,
                            {.hooks = [] { return std::vector<std::string>{"made-up:on"}; },
                             .programs = [] { return std::vector<std::string>{}; },
                             .notices = {}},
                            clock);
  std::thread writer([&] { recorder.run(); });

  Story story(random);
  constexpr std::chrono::milliseconds kTick{10};
  std::uint64_t made = 0;
  auto next = std::chrono::steady_clock::now();
  const timespec at_once{};
  while ((load.events == 0 || made < load.events) && sigtimedwait(&ending, nullptr, &at_once) < 0) {
    std::vector<model::Event> events;
    const std::uint64_t count = load.rate == 0 ? 1000 : std::max<std::uint64_t>(1, load.rate * kTick.count() / 1000);
    while (events.size() < count) story.next(events, clock.now());
    made += events.size();
    observed.push(std::move(events));
    if (load.rate > 0) std::this_thread::sleep_until(next += kTick);
  }
  observed.close();
  writer.join();
  fmt::print("{{\"made\":{}}}\n", made);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("hinomi_fleet_sender: a probe without a kernel");
  std::string file;
  Load load;
  app.add_option("--config", file, "the sensor's configuration")->required();
  app.add_option("--rate", load.rate, "events a second; 0: as fast as they are taken")->capture_default_str();
  app.add_option("--events", load.events, "end after so many; 0: until SIGTERM")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto config = sensor::Config::load(file);
  base::Status status = config ? run(*config, load) : base::Status(base::fail(config.error()));
  if (status) return 0;
  fmt::print(stderr, "hinomi_fleet_sender: {}\n", status.error().what);
  return base::exit_code_of(status.error().code);
}
