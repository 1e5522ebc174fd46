#include <hinomi/model/ids.hpp>

#include <fmt/core.h>

#include <charconv>

namespace hinomi::model {

std::string EventId::text() const { return fmt::format("{}.{:016x}.{}", sensor.text(), epoch, sequence); }

base::Result<EventId> EventId::parse(std::string_view text) {
  const auto bad = [&] {
    return base::fail(
        base::Errc::malformed,
        fmt::format("'{}' is not an event id such as <sensor uuid>.<16 hex digits>.<number>", text.substr(0, 80)));
  };
  if (text.size() < 55 || text.size() > 74 || text[36] != '.' || text[53] != '.') return bad();
  EventId out;
  out.sensor = TRY(SensorId::parse(text.substr(0, 36)));
  const auto number = [](std::string_view digits, std::uint64_t& value, int radix) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, radix);
    return error == std::errc{} && end == digits.data() + digits.size();
  };
  if (!number(text.substr(37, 16), out.epoch, 16) || !number(text.substr(54), out.sequence, 10) || out.text() != text)
    return bad();
  return out;
}

}  // namespace hinomi::model
