// The endpoint organ: runs the kernel side and speaks Events.
// Idea:    one reader thread takes records from both rings, puts them in the order of their times (a record younger
// than the moment the round began waits for the next one, so that a process is always known before its connections),
// translates them and gives the events to the sink, a round at a time. Digests are made by workers and collected by
// the same thread.
// Owns:    the kernel side, the reader thread, the digest workers. Borrows sink and clock.
// Threads: start, stop and the destructor from one thread; the rest from any. The sink is called on the reader thread
// alone.
// Fails:   as Kernel::open.
// Loses:   what finds no room in a ring; counted by the kernel and told as loss events.
#pragma once

#include <hinomi/base/time.hpp>
#include <hinomi/model/event.hpp>
#include <hinomi/observe/endpoint/kernel.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace hinomi::observe::endpoint {

// Where events go. Their id is empty: whoever takes them numbers them, in this order. Must not block for long: while it
// does, the rings fill.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void take(std::vector<model::Event> events) = 0;
};

struct Options {
  std::vector<model::EventKind> kinds;  // to speak of; empty: all
  std::size_t process_ring = 8U << 20;
  std::size_t network_ring = 4U << 20;
  // Declared exclusions (self-exclusion is the caller's to declare, in its manifest): nothing is recorded of them but
  // how many records they would have made.
  std::vector<std::uint32_t> muted_processes;
  std::vector<std::uint64_t> muted_cgroups;
  unsigned digest_workers = 1;
  std::uint64_t digest_size_limit = 512ULL << 20;  // bytes of a file; larger ones have no digest
  std::size_t process_limit = 32'768;              // entries of the process table
  // Called once, when all that needs the right to load BPF is done and before any thread starts: here the caller gives up
  // its privileges (capabilities belong to threads, and threads inherit them). CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are
  // what digests need from then on. An error stops the start.
  std::function<base::Status()> give_up_privileges;
  std::chrono::milliseconds poll{50};  // longest time that a record waits in a ring that is not filling
};

class Observer {
 public:
  static base::Result<std::unique_ptr<Observer>> start(Options options, EventSink& sink, const base::Clock& clock);
  ~Observer();  // stops
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  // Detaches the hooks, hands on everything that was recorded, tells the last losses. Idempotent.
  void stop();

  [[nodiscard]] std::vector<std::string> hooks() const;  // "name:on" or "name:off:reason"
  [[nodiscard]] const std::vector<HookStatus>& status() const;
  static std::vector<std::string> programs();  // "name:sha256" of each BPF object
  [[nodiscard]] std::vector<KindCount> counts() const;
  [[nodiscard]] std::vector<HookCost> costs() const;

 private:
  struct State;
  explicit Observer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hinomi::observe::endpoint
