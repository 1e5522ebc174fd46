// What the observer costs while a load runs: observer_cost LOAD [ARGUMENT…], for example
//   observer_cost ./hinomi_exec_load --rate 1000 --seconds 10
// Prints one line of JSON: CPU of the observer's threads and of its BPF programs as a share of one core, memory, and
// whether what was started equals what was told plus what was lost.
#include <hinomi/observe/endpoint/observer.hpp>

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace {

using namespace hinomi;

// Encodes each event as it would go to the ledger, and forgets it.
class Counting final : public observe::endpoint::EventSink {
 public:
  void take(std::vector<model::Event> events) override {
    for (const model::Event& event : events) {
      buffer_.clear();
      model::encode(event, buffer_);
      bytes += buffer_.size();
      ++kinds[static_cast<std::size_t>(event.kind)];
      if (event.kind == model::EventKind::process_start && event.bytes(model::Field::process_digest_state) == "known")
        ++known;
      if (event.kind == model::EventKind::loss && event.number(model::Field::loss_is_exact) == 1U)
        lost += *event.number(model::Field::loss_count);
    }
  }
  std::array<std::uint64_t, 256> kinds{};
  std::uint64_t bytes = 0, lost = 0, known = 0;

 private:
  std::string buffer_;
};

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

double wall_seconds() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

long peak_kilobytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: observer_cost LOAD [ARGUMENT...]\n");
    return 2;
  }
  const int statistics = bpf_enable_stats(BPF_STATS_RUN_TIME);
  Counting sink;
  const base::SystemClock clock;
  auto observer = observe::endpoint::Observer::start({}, sink, clock);
  if (!observer) {
    fmt::print(stderr, "skipped: {}\n", observer.error().what);
    return 0;
  }
  const double cpu = cpu_seconds(), wall = wall_seconds();
  pid_t pid = 0;
  if (posix_spawn(&pid, argv[1], nullptr, nullptr, argv + 1, environ) != 0) return 6;
  int status = 0;
  waitpid(pid, &status, 0);
  const double used = cpu_seconds() - cpu, took = wall_seconds() - wall;
  std::map<std::string, observe::endpoint::HookCost> costs;
  double kernel = 0;
  for (const auto& cost : (*observer)->costs()) {
    kernel += static_cast<double>(cost.nanoseconds) / 1e9;
    costs[cost.name] = cost;
  }
  (*observer)->stop();
  const auto exec = costs["sched_process_exec"];
  const auto count = (*observer)->counts().front();
  const std::uint64_t starts = sink.kinds[static_cast<std::size_t>(model::EventKind::process_start)];
  fmt::print(
      "{{\"seconds\":{:.2f},\"user_threads_percent\":{:.2f},\"bpf_percent\":{:.2f},\"exec_hook_ns\":{},\"starts_told\":"
      "{},"
      "\"starts_seen\":{},\"starts_lost\":{},\"digest_known\":{},\"lost_all_kinds\":{},\"bytes_encoded\":{},\"peak_rss_"
      "kb\":{}}}\n",
      took, 100 * used / took, 100 * kernel / took, exec.runs == 0 ? 0 : exec.nanoseconds / exec.runs, starts,
      count.seen, count.lost, sink.known, sink.lost, sink.bytes, peak_kilobytes());
  if (statistics >= 0) close(statistics);
  return starts + count.lost == count.seen ? 0 : 1;
}
