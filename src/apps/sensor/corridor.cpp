// The sensor's corridor: kernel → observe/endpoint → pipe → consent → ledger and spool. Read it from top to bottom: this is
// what hinomi-probe does, in this order; it stops in the reverse one. The way on (ledger → link → centre) is
// verbs/run.cpp, another program with other rights, which sees nothing but what stands in the ledger.
#include "corridor.hpp"

#include "confinement.hpp"
#include "facts.hpp"
#include "notes.hpp"
#include "recorder.hpp"

#include <hinomi/consent/ledger.hpp>
#include <hinomi/observe/endpoint/observer.hpp>
#include <hinomi/pipe/pipe.hpp>

#include <fmt/core.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace hinomi::sensor {
namespace {

namespace endpoint = observe::endpoint;

// The reader thread must never wait: what finds no room in the pipe is dropped there and counted.
class IntoPipe final : public endpoint::EventSink {
 public:
  explicit IntoPipe(pipe::Pipe<model::Event>& pipe) : pipe_(pipe) {}
  void take(std::vector<model::Event> events) override { pipe_.push(std::move(events)); }

 private:
  pipe::Pipe<model::Event>& pipe_;
};

// The kinds that the manifest lets the kernel look at. Starts of processes are always looked at: without them no exclusion
// could know which process it is about.
std::vector<model::EventKind> kinds_of(const consent::Manifest& manifest) {
  std::vector<model::EventKind> out;
  for (const model::KindRow& row : model::all_kinds())
    if (manifest.treatment(row.kind) != consent::KindTreatment::drop || row.kind == model::EventKind::process_start)
      out.push_back(row.kind);
  return out;
}

sigset_t ending_signals() {
  sigset_t out;
  sigemptyset(&out);
  sigaddset(&out, SIGTERM);
  sigaddset(&out, SIGINT);
  return out;
}

}  // namespace

base::Status run_probe(const Config& config) {
  // Signals are waited for, not handled; every thread that starts from here on inherits the mask.
  const sigset_t ending = ending_signals();
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  ::umask(027);
  const base::SystemClock clock;
  base::SystemRandom random;
  const Files files(config.data);

  // 1. Who this machine is, and what its owner lets it tell.
  const consent::Trust trust = TRY(read_trust(files));
  const std::shared_ptr<const consent::Manifest> manifest = TRY(read_manifest(files, trust));

  // 2. The ledger, before anything can be observed.
  const consent::Identity identity{.organisation = trust.organisation,
                                   .system = trust.system,
                                   .sensor = trust.sensor,
                                   .origin = trust.ledger_origin()};
  const proof::SigningKey key = TRY(consent::open_ledger_key(files.ledger_key(), "ledger", random));
  const base::Bytes hash_key = TRY(consent::open_hash_key(files.hash_key(), random));
  std::unique_ptr<consent::Ledger> ledger = TRY(consent::Ledger::open(
      files.ledger(), identity, key, manifest, hash_key, {.spool_bytes = config.spool_bytes}, clock, random));

  // 3. The pipe between the thread that reads the kernel and the thread that writes the ledger.
  pipe::Pipe<model::Event> observed(config.queue_events, pipe::WhenFull::drop_newest);
  IntoPipe sink(observed);

  // 4. The kernel side: the last thing that needs its rights.
  const auto observer = TRY(endpoint::Observer::start({.kinds = kinds_of(*manifest),
                                                       .process_ring = config.process_ring_bytes,
                                                       .network_ring = config.network_ring_bytes,
                                                       .digest_size_limit = config.digest_bytes},
                                                      sink, clock));

  // 5. Rights go. Kept: reading files that belong to others (their digests), and in other processes' view of them.
  std::vector<std::string> notices;
  const auto give_up = [&](const base::Status& given_up) {
    if (given_up) return;
    notices.push_back(given_up.error().what);
    fmt::print(stderr, "hinomi-probe: could not give up a right: {}\n", given_up.error().what);
  };
  std::vector<std::string> programs = program_digests();
  for (std::string& object : endpoint::Observer::programs()) programs.push_back(std::move(object));
  give_up(drop_capabilities({CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE}));
  give_up(refuse_calls(Calls::probe));

  // 6. From the pipe through the manifest into the ledger, until the pipe ends.
  Recorder recorder(
      config, trust, std::move(ledger), observed,
      {.hooks = [&] { return observer->hooks(); }, .programs = [&] { return programs; }, .notices = notices}, clock);
  std::thread writer([&] { recorder.run(); });
  fmt::print(stderr, "hinomi-probe: observing for {}, manifest version {}\n", trust.organisation.text(),
             manifest->version());

  // 7. Until somebody asks for the end; then back: hooks, pipe, ledger.
  int signal = 0;
  sigwait(&ending, &signal);
  observer->stop();
  observed.close();
  writer.join();
  fmt::print(stderr, "hinomi-probe: stopped\n");
  return {};
}

}  // namespace hinomi::sensor
