// Who and what: the identities that every batch, row, finding and log name carries. See docs/adr/0006-identities.md.
// Threads: values.
#pragma once

#include <hinomi/base/digest.hpp>
#include <hinomi/base/uuid.hpp>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace hinomi::model {

// A short name chosen by people: 1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit.
template <class Tag>
class Name {
 public:
  Name() = default;
  static base::Result<Name> parse(std::string_view text) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    bool good = !text.empty() && text.size() <= 63 && letter(text.front()) && letter(text.back());
    for (const char c : text) good = good && (letter(c) || c == '-');
    if (good) return Name(std::string(text));
    return base::fail(base::Errc::malformed,
                      std::string(Tag::what) + " must be 1 to 63 of a-z, 0-9 and '-', such as 'city-hall'");
  }
  auto operator<=>(const Name&) const = default;
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }

 private:
  explicit Name(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

struct OrganisationTag {
  static constexpr std::string_view what = "an organisation";
};
struct SystemTag {
  static constexpr std::string_view what = "a system";
};
using OrganisationId = Name<OrganisationTag>;  // a ministry, a city, a hospital
using SystemId = Name<SystemTag>;              // one of its systems, for example "staff-pcs"

template <class Tag>
struct Identity {
  base::Uuid uuid;
  auto operator<=>(const Identity&) const = default;
  [[nodiscard]] std::string text() const { return uuid.text(); }
  static base::Result<Identity> parse(std::string_view text) {
    Identity out;
    out.uuid = TRY(base::Uuid::parse(text));
    return out;
  }
};
using HostId = Identity<struct HostTag>;            // the machine: UUIDv5 of organisation and machine id
using SensorId = Identity<struct SensorTag>;        // one enrolment on that machine: random
using FindingId = Identity<struct FindingTag>;      // UUIDv5 of its content
using IndicatorId = Identity<struct IndicatorTag>;  // UUIDv5 of producer, pattern type and pattern

// One event, everywhere and forever: which sensor, which run of its probe, which number in that run (from 1, no gaps).
struct EventId {
  SensorId sensor;
  std::uint64_t epoch = 0;  // random at each start of the probe
  std::uint64_t sequence = 0;

  auto operator<=>(const EventId&) const = default;
  [[nodiscard]] std::string text() const;  // <sensor>.<epoch, 16 hex digits>.<sequence>
  static base::Result<EventId> parse(std::string_view text);
};

// Where an entry of an evidence log stands.
struct EntryRef {
  std::string log;  // the log's origin, for example "hinomi.example/evidence/city-hall"
  std::uint64_t index = 0;
  auto operator<=>(const EntryRef&) const = default;
};

}  // namespace hinomi::model
