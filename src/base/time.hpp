// Points in time and where they come from. See docs/adr/0007-time.md: source, observed and received time are never
// mixed. Threads: Time is a value; a Clock may be read from any thread.
#pragma once

#include <hinomi/base/result.hpp>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace hinomi::base {

// UTC nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX). Range: years 1677 to 2262.
struct Time {
  std::int64_t nanoseconds = 0;

  auto operator<=>(const Time&) const = default;
  [[nodiscard]] Time plus_seconds(std::int64_t seconds) const { return {nanoseconds + seconds * 1'000'000'000}; }
  [[nodiscard]] std::int64_t seconds() const { return nanoseconds / 1'000'000'000; }
  // RFC 3339 in UTC with as many fractional digits as asked (0 to 9), cut, not rounded: 2026-11-21T06:38:18.123Z
  [[nodiscard]] std::string rfc3339(int digits = 9) const;
  // Accepts Z and numeric offsets, 0 to 9 fractional digits.
  static Result<Time> parse_rfc3339(std::string_view text);
};

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Time now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Time now() const override;
};

}  // namespace hinomi::base
