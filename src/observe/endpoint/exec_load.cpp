// Starts programs at an exact rate: exec_load --rate 1000 --seconds 10 [--workers 1] [--program /bin/true]
// Each start has its own moment (begin + i / rate); a late one is not skipped, so after the time exactly rate × seconds
// programs were started. Prints how many were started, how long it took and how late the last one was.
#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace {

std::uint64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

bool number(std::string_view text, std::uint64_t& out) {
  return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc();
}

struct Load {
  std::uint64_t rate = 1'000, seconds = 10, workers = 1;
  std::string program = "/bin/true";
};

// One worker's share: every workers-th start. Returns how many failed.
std::uint64_t carry_out(const Load& load, std::uint64_t worker, std::uint64_t begin) {
  std::string program = load.program, mark = "--load";
  char* arguments[] = {program.data(), mark.data(), nullptr};
  std::uint64_t failed = 0, waiting = 0;
  for (std::uint64_t i = worker; i < load.rate * load.seconds; i += load.workers) {
    const std::uint64_t due = begin + i * 1'000'000'000 / load.rate;
    const timespec at{.tv_sec = static_cast<time_t>(due / 1'000'000'000),
                      .tv_nsec = static_cast<long>(due % 1'000'000'000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
    }
    pid_t pid = 0;
    if (posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, environ) != 0) {
      ++failed;
      continue;
    }
    ++waiting;
    while (waiting > 0 && waitpid(-1, nullptr, waiting > 64 ? 0 : WNOHANG) > 0) --waiting;
  }
  while (waitpid(-1, nullptr, 0) > 0) {
  }
  return failed;
}

}  // namespace

int main(int argc, char** argv) {
  Load load;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    if (name == "--program") {
      load.program = value;
    } else if (!(name == "--rate" && number(value, load.rate)) &&
               !(name == "--seconds" && number(value, load.seconds)) &&
               !(name == "--workers" && number(value, load.workers))) {
      fmt::print(stderr, "usage: exec_load [--rate N] [--seconds N] [--workers N] [--program PATH]\n");
      return 2;
    }
  }
  if (load.rate == 0 || load.workers == 0 || load.workers > 64) return 2;
  const std::uint64_t begin = now();
  for (std::uint64_t worker = 0; worker < load.workers; ++worker)
    if (fork() == 0) _exit(carry_out(load, worker, begin) == 0 ? 0 : 1);
  bool good = true;
  int status = 0;
  while (wait(&status) > 0) good = good && status == 0;
  const double took = static_cast<double>(now() - begin) / 1e9;
  fmt::print("started {} {}in {:.3f} s: {:.0f} a second\n", load.rate * load.seconds, good ? "" : "(some failed) ",
             took, static_cast<double>(load.rate * load.seconds) / took);
  return good ? 0 : 1;
}
