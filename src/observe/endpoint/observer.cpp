#include <hinomi/observe/endpoint/observer.hpp>

#include <hinomi/base/file.hpp>
#include <hinomi/observe/endpoint/translator.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include <ctime>

namespace hinomi::observe::endpoint {
namespace {

using model::Event;
using model::EventKind;
using model::Field;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::size_t kArgumentsOfRunning = 4'096;  // bytes read of a running process's arguments
constexpr auto kDigestsAtStop = std::chrono::seconds(3);

std::uint64_t nanoseconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * kSecond + static_cast<std::uint64_t>(time.tv_nsec);
}

// Wall clock minus boot clock. Between two readings of the one the other is read, so the error is at most half their
// distance.
std::int64_t clock_offset() {
  const std::uint64_t before = nanoseconds_of(CLOCK_BOOTTIME);
  const std::uint64_t wall = nanoseconds_of(CLOCK_REALTIME);
  const std::uint64_t after = nanoseconds_of(CLOCK_BOOTTIME);
  return static_cast<std::int64_t>(wall) - static_cast<std::int64_t>(before + (after - before) / 2);
}

}  // namespace

struct Observer::State {
  State(Options chosen, EventSink& to, const base::Clock& from, const base::Uuid& boot)
      : options(std::move(chosen)),
        sink(to),
        clock(from),
        digester({.workers = options.digest_workers, .size_limit = options.digest_size_limit}, clock),
        translator(boot, options.kinds, digester, clock, {.processes = options.process_limit}) {}

  void run();
  void round(std::uint64_t until);
  void every_second();
  enum class Arguments : std::uint8_t { read, leave };
  void look_at_running(Arguments arguments);
  void tell_losses(std::vector<Event>& out);
  void tell_loss(std::string_view of, std::uint64_t count, bool exact, std::vector<Event>& out);

  const Options options;
  EventSink& sink;
  const base::Clock& clock;
  std::unique_ptr<Kernel> kernel;
  Digester digester;
  Translator translator;
  std::atomic<bool> stopping = false;  // set before kernel->wake(), which the reader waits on
  std::thread reader;

  // The reader's own, from here down.
  RecordBatch batch, next;
  std::int64_t offset = 0;
  std::uint64_t second = 0;  // boot clock, when every_second() last ran
  base::Time losses_told;
  std::map<std::string, std::uint64_t, std::less<>> told;  // how much of each loss
  std::uint64_t malformed = 0;
};

Observer::Observer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Observer::~Observer() { stop(); }

base::Result<std::unique_ptr<Observer>> Observer::start(Options options, EventSink& sink, const base::Clock& clock) {
  const base::Uuid boot = TRY(read_boot_id());
  const auto asked = [&kinds = options.kinds](EventKind kind) {
    return kinds.empty() || std::ranges::find(kinds, kind) != kinds.end();
  };
  std::unique_ptr<Kernel> kernel = TRY(Kernel::open({.connects = asked(EventKind::network_connect),
                                                     .accepts = asked(EventKind::network_accept),
                                                     .process_ring = options.process_ring,
                                                     .network_ring = options.network_ring,
                                                     .muted_processes = options.muted_processes,
                                                     .muted_cgroups = options.muted_cgroups}));
  (void)kernel->note_listeners();  // where that hook is off, accepts of older listeners come without a process
  if (options.give_up_privileges) TRY_VOID(options.give_up_privileges());
  auto state = std::make_unique<State>(std::move(options), sink, clock, boot);
  state->kernel = std::move(kernel);
  state->losses_told = clock.now();
  state->offset = clock_offset();
  state->translator.set_clock_offset(state->offset);
  state->look_at_running(State::Arguments::read);
  State* reader = state.get();
  state->reader = std::thread([reader] { reader->run(); });
  return std::unique_ptr<Observer>(new Observer(std::move(state)));
}

void Observer::stop() {
  if (!state_ || !state_->reader.joinable()) return;
  state_->stopping = true;
  state_->kernel->wake();
  state_->reader.join();
}

void Observer::State::run() {
  pthread_setname_np(pthread_self(), "hinomi-observe");
  while (!stopping) {
    kernel->wait(options.poll);
    round(nanoseconds_of(CLOCK_BOOTTIME));
    every_second();
  }
  kernel->detach();
  digester.wait_idle(kDigestsAtStop);
  round(std::numeric_limits<std::uint64_t>::max());
  digester.wait_idle(kDigestsAtStop);
  round(std::numeric_limits<std::uint64_t>::max());
  std::vector<Event> events;
  tell_losses(events);
  if (!events.empty()) sink.take(std::move(events));
}

// Takes up what was recorded at `until` or before; what is younger waits.
void Observer::State::round(std::uint64_t until) {
  bool more = true;
  while (more) {
    more = kernel->drain(batch);
    std::ranges::sort(batch.places, {},
                      [](const RecordBatch::Place& place) { return std::pair(place.time, place.offset); });
    std::vector<Event> events;
    events.reserve(batch.places.size());
    next.clear();
    for (const RecordBatch::Place& place : batch.places) {
      const base::ByteView bytes = base::ByteView(batch.bytes).substr(place.offset, place.size);
      if (place.time > until) {
        next.add(bytes, place.time);
        continue;
      }
      if (const auto record = decode_record(bytes)) {
        translator.take(*record, events);
      } else {
        ++malformed;
      }
    }
    std::swap(batch, next);
    for (const DigestResult& result : digester.finished()) translator.take(result, events);
    if (!events.empty()) sink.take(std::move(events));
  }
}

void Observer::State::every_second() {
  const std::uint64_t now = nanoseconds_of(CLOCK_BOOTTIME);
  if (now - second < kSecond) return;
  second = now;
  // Small differences are noise of reading two clocks; a larger one means that the wall clock was set.
  const std::int64_t fresh = clock_offset();
  if (std::abs(fresh - offset) > 1'000'000) {
    offset = fresh;
    translator.set_clock_offset(offset);
  }
  translator.table().expire(now);
  std::vector<Event> events;
  tell_losses(events);
  if (!events.empty()) sink.take(std::move(events));
}

// Fills the table with what runs: at start, and again when records of processes were lost. Arguments of those come from
// /proc, which can wait on a process that hangs: never on the reader's thread.
void Observer::State::look_at_running(Arguments arguments_of_running) {
  const std::uint64_t began = nanoseconds_of(CLOCK_BOOTTIME);
  const auto bytes = kernel->running_processes();
  if (!bytes) return;
  std::vector<ExecRecord> running;
  base::ByteView rest = *bytes;
  while (const std::size_t size = size_of_record(rest)) {
    if (auto record = decode_record(rest.substr(0, size))) {
      if (const auto* one = std::get_if<ExecRecord>(&*record)) running.push_back(*one);
    } else {
      ++malformed;
    }
    rest.remove_prefix(size);
  }
  std::ranges::sort(running, {}, [](const ExecRecord& one) { return one.process.start; });  // parents before children
  std::vector<ProcessKey> alive;
  std::vector<Event> none;
  for (ExecRecord& one : running) {
    alive.push_back(one.process);
    const Process* known = translator.table().find(one.process);
    if (known != nullptr && known->image && known->image->executable == one.executable) continue;
    std::string arguments;
    if (one.has_executable && arguments_of_running == Arguments::read) {
      if (auto text = base::read_file(fmt::format("/proc/{}/cmdline", one.process.tgid), 1U << 20))
        arguments = std::move(*text);
      if (arguments.size() > kArgumentsOfRunning) arguments.resize(kArgumentsOfRunning);
    }
    one.arguments = arguments;
    one.arguments_length = arguments.size();
    translator.take(Record(one), none);
  }
  translator.table().only_these_run(alive, began);
}

void Observer::State::tell_loss(std::string_view of, std::uint64_t count, bool exact, std::vector<Event>& out) {
  auto& before = told.try_emplace(std::string(of), 0).first->second;
  if (count <= before) return;
  Event event;
  event.kind = EventKind::loss;
  event.observed_time = clock.now();
  event.source_time = event.observed_time;
  event.set(Field::loss_of, of);
  event.set(Field::loss_count, count - before);
  event.set(Field::loss_is_exact, std::uint64_t{exact});
  event.set(Field::loss_since, losses_told);
  event.set(Field::loss_until, event.observed_time);
  before = count;
  out.push_back(std::move(event));
}

void Observer::State::tell_losses(std::vector<Event>& out) {
  bool lost_process = false;
  for (const KindCount& count : kernel->counts()) {
    const std::size_t before = out.size();
    tell_loss(count.name, count.lost, true, out);
    lost_process |= count.is_process && out.size() != before;
  }
  // A hook that was interrupted by itself on one CPU is left out by the kernel: how often is known, what it would have
  // said is not (most changes of a socket's state say nothing).
  for (const HookCost& cost : kernel->costs()) tell_loss(cost.name, cost.missed, false, out);
  tell_loss("malformed record", malformed, true, out);
  losses_told = clock.now();
  if (lost_process) look_at_running(Arguments::leave);
}

std::vector<std::string> Observer::hooks() const {
  std::vector<std::string> out;
  for (const HookStatus& hook : status())
    out.push_back(hook.is_on ? hook.name + ":on" : fmt::format("{}:off:{}", hook.name, hook.reason));
  return out;
}

const std::vector<HookStatus>& Observer::status() const { return state_->kernel->hooks(); }
std::vector<std::string> Observer::programs() { return Kernel::programs(); }
std::vector<KindCount> Observer::counts() const { return state_->kernel->counts(); }
std::vector<HookCost> Observer::costs() const { return state_->kernel->costs(); }

}  // namespace hinomi::observe::endpoint
