#include <say.hpp>

#include <hinomi/base/escape.hpp>
#include <hinomi/base/time.hpp>

#include <fmt/core.h>

#include <cstdio>

namespace hinomi::centre {

std::string text(std::string_view key, std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  static const base::Language language = base::language_from_environment();
  return base::Messages::built_in(language).text(key, values);
}

void say(const std::string& what) {
  const std::string line = fmt::format("{} {}\n", base::SystemClock().now().rfc3339(3), what);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void print(std::string_view what) {
  std::fwrite(what.data(), 1, what.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

}  // namespace hinomi::centre
