// How every room says that something could not be done.
// Owns:    nothing. Threads: values.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace hinomi::base {

// The codes that callers act on. docs/errors.md gives each its HTTP status and exit code.
enum class Errc : std::uint8_t {
  invalid_argument,  // the caller's own mistake: a flag, a setting, a query
  malformed,         // outside bytes that do not follow their format
  too_large,         // outside bytes over a stated limit
  not_found,
  already_exists,
  unauthenticated,  // who is asking is not known
  forbidden,        // known, but may not
  conflict,         // does not follow from what was accepted before (sequence, digest, version)
  unavailable,      // a peer or a resource is away; trying again may help
  timed_out,
  io,
  full,     // no space left, or a quota reached
  corrupt,  // our own files do not hold together
  unsupported,
  cancelled,
  internal,  // a bug of ours
};

// The code's name as it stands in answers and logs, for example "not_found".
std::string_view name_of(Errc code);
// The code whose name this is; internal if none.
Errc errc_named(std::string_view name);
// The exit code a program ends with for this error: 2 usage, 3 bad input, 4 not found, 5 refused, 6 unavailable, 7
// disk, 70 bug.
int exit_code_of(Errc code);

struct Error {
  Errc code = Errc::internal;
  std::string what;  // names the file, line or field and what was expected

  // The same error, seen from one level up: "rule x.yml: " + what.
  [[nodiscard]] Error within(std::string_view context) const;
};

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

using Status = Result<void>;

inline std::unexpected<Error> fail(Errc code, std::string what) {
  return std::unexpected<Error>(Error{.code = code, .what = std::move(what)});
}
inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }

// The system's errno as an Error: not_found, already_exists, forbidden, full or io.
Error error_from_errno(int number, std::string_view doing_what);

// A broken invariant of ours: says where and ends the program, in release builds too. Never for outside input.
[[noreturn]] void broken_invariant(std::string_view condition, std::string_view file, int line);

}  // namespace hinomi::base

#define HINOMI_CHECK(condition)                                         \
  do {                                                                  \
    if (!(condition)) [[unlikely]]                                      \
      ::hinomi::base::broken_invariant(#condition, __FILE__, __LINE__); \
  } while (false)

// The value of a Result, or return its error from this function: auto x = TRY(parse(text));
#define TRY(...)                                                                 \
  __extension__({                                                                \
    auto&& try_result = (__VA_ARGS__);                                           \
    if (!try_result) return ::hinomi::base::fail(std::move(try_result).error()); \
    std::move(*try_result);                                                      \
  })
// The same for a Result<void>.
#define TRY_VOID(...)                                                            \
  do {                                                                           \
    auto&& try_result = (__VA_ARGS__);                                           \
    if (!try_result) return ::hinomi::base::fail(std::move(try_result).error()); \
  } while (false)
