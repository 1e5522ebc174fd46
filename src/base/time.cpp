#include <hinomi/base/time.hpp>

#include <fmt/core.h>

#include <chrono>

namespace hinomi::base {
namespace {

// One run of decimal digits of a fixed width; -1 if there is none.
int digits_at(std::string_view text, std::size_t at, std::size_t width) {
  if (at + width > text.size()) return -1;
  int value = 0;
  for (const char c : text.substr(at, width)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

std::string Time::rfc3339(int digits) const {
  using namespace std::chrono;
  const sys_time<std::chrono::nanoseconds> point{std::chrono::nanoseconds{nanoseconds}};
  const auto day = floor<days>(point);
  const year_month_day date{day};
  const hh_mm_ss clock{point - day};
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (digits > 0) {
    const std::string fraction = fmt::format("{:09}", clock.subseconds().count());
    out += '.';
    out += fraction.substr(0, static_cast<std::size_t>(digits > 9 ? 9 : digits));
  }
  return out + 'Z';
}

Result<Time> Time::parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const auto bad = [&] {
    return fail(Errc::malformed,
                fmt::format("'{}' is not an RFC 3339 time such as 2026-11-21T06:38:18Z", text.substr(0, 64)));
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') || text[13] != ':' ||
      text[16] != ':')
    return bad();
  const int year_number = digits_at(text, 0, 4);
  const int month_number = digits_at(text, 5, 2);
  const int day_number = digits_at(text, 8, 2);
  const int hour = digits_at(text, 11, 2);
  const int minute = digits_at(text, 14, 2);
  const int second = digits_at(text, 17, 2);
  if (year_number < 1678 || year_number > 2261 || month_number < 0 || day_number < 0 || hour < 0 || hour > 23 ||
      minute < 0 || minute > 59 || second < 0 || second > 60)
    return bad();
  const year_month_day date{year{year_number}, month{static_cast<unsigned>(month_number)},
                            day{static_cast<unsigned>(day_number)}};
  if (!date.ok()) return bad();
  std::size_t at = 19;
  std::int64_t fraction = 0;
  if (text[at] == '.') {
    std::int64_t scale = 100'000'000;
    std::size_t count = 0;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++count) {
      fraction += scale * (text[at] - '0');
      scale /= 10;
    }
    if (count == 0 || count > 9) return bad();
  }
  std::int64_t offset_minutes = 0;
  const std::string_view zone = text.substr(at);
  if (zone != "Z" && zone != "z") {
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return bad();
    const int zone_hour = digits_at(zone, 1, 2);
    const int zone_minute = digits_at(zone, 4, 2);
    if (zone_hour < 0 || zone_hour > 23 || zone_minute < 0 || zone_minute > 59) return bad();
    offset_minutes = (zone_hour * 60 + zone_minute) * (zone[0] == '-' ? -1 : 1);
  }
  const std::int64_t days_since = sys_days{date}.time_since_epoch().count();
  const std::int64_t seconds = days_since * 86400 + hour * 3600 + minute * 60 + second - offset_minutes * 60;
  return Time{seconds * 1'000'000'000 + fraction};
}

Time SystemClock::now() const {
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

}  // namespace hinomi::base
