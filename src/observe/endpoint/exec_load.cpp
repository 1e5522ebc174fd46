// Starts programs at an exact rate: exec_load --rate 1000 --seconds 10 [--program /bin/true]
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

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t rate = 1'000, seconds = 10;
  std::string program = "/bin/true";
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i], value = argv[i + 1];
    if (name == "--program") program = value;
    else if (!(name == "--rate" && number(value, rate)) && !(name == "--seconds" && number(value, seconds))) {
      fmt::print(stderr, "usage: exec_load [--rate N] [--seconds N] [--program PATH]\n");
      return 2;
    }
  }
  if (rate == 0) return 2;
  const std::uint64_t total = rate * seconds, begin = now();
  std::uint64_t failed = 0, waiting = 0;
  char* arguments[] = {program.data(), const_cast<char*>("--load"), nullptr};
  for (std::uint64_t i = 0; i < total; ++i) {
    const std::uint64_t due = begin + i * 1'000'000'000 / rate;
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
  const std::uint64_t took = now() - begin;
  while (waitpid(-1, nullptr, 0) > 0) {
  }
  fmt::print("started {} failed {} seconds {:.3f} rate {:.0f}\n", total - failed, failed,
             static_cast<double>(took) / 1e9, static_cast<double>(total) * 1e9 / static_cast<double>(took));
  return failed == 0 ? 0 : 1;
}
