#include <hinomi/base/result.hpp>

#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace hinomi::base {
namespace {

struct Row {
  Errc code;
  std::string_view name;
  int exit_code;
};
constexpr std::array kCodes{
    Row{.code = Errc::invalid_argument, .name = "invalid_argument", .exit_code = 2},
    Row{.code = Errc::malformed, .name = "malformed", .exit_code = 3},
    Row{.code = Errc::too_large, .name = "too_large", .exit_code = 3},
    Row{.code = Errc::not_found, .name = "not_found", .exit_code = 4},
    Row{.code = Errc::already_exists, .name = "already_exists", .exit_code = 4},
    Row{.code = Errc::unauthenticated, .name = "unauthenticated", .exit_code = 5},
    Row{.code = Errc::forbidden, .name = "forbidden", .exit_code = 5},
    Row{.code = Errc::conflict, .name = "conflict", .exit_code = 5},
    Row{.code = Errc::unavailable, .name = "unavailable", .exit_code = 6},
    Row{.code = Errc::timed_out, .name = "timed_out", .exit_code = 6},
    Row{.code = Errc::io, .name = "io", .exit_code = 7},
    Row{.code = Errc::full, .name = "full", .exit_code = 7},
    Row{.code = Errc::corrupt, .name = "corrupt", .exit_code = 7},
    Row{.code = Errc::unsupported, .name = "unsupported", .exit_code = 3},
    Row{.code = Errc::cancelled, .name = "cancelled", .exit_code = 130},
    Row{.code = Errc::internal, .name = "internal", .exit_code = 70},
};

}  // namespace

std::string_view name_of(Errc code) {
  for (const Row& row : kCodes)
    if (row.code == code) return row.name;
  return "internal";
}

Errc errc_named(std::string_view name) {
  for (const Row& row : kCodes)
    if (row.name == name) return row.code;
  return Errc::internal;
}

int exit_code_of(Errc code) {
  for (const Row& row : kCodes)
    if (row.code == code) return row.exit_code;
  return 70;
}

Error Error::within(std::string_view context) const {
  return {.code = code, .what = fmt::format("{}: {}", context, what)};
}

Error error_from_errno(int number, std::string_view doing_what) {
  Errc code = Errc::io;
  if (number == ENOENT) code = Errc::not_found;
  if (number == EEXIST) code = Errc::already_exists;
  if (number == EACCES || number == EPERM) code = Errc::forbidden;
  if (number == ENOSPC || number == EDQUOT) code = Errc::full;
  std::array<char, 128> text{};
  const char* description = strerror_r(number, text.data(), text.size());
  return {.code = code, .what = fmt::format("{}: {}", doing_what, description)};
}

void broken_invariant(std::string_view condition, std::string_view file, int line) {
  fmt::print(stderr, "hinomi: broken invariant at {}:{}: {}\n", file, line, condition);
  std::abort();
}

}  // namespace hinomi::base
