// UUIDs (RFC 9562): version 4 where something is born, version 5 where the content is the name.
// Threads: values.
#pragma once

#include <hinomi/base/bytes.hpp>
#include <hinomi/base/random.hpp>

#include <array>
#include <compare>

namespace hinomi::base {

struct Uuid {
  std::array<std::uint8_t, 16> octets{};

  auto operator<=>(const Uuid&) const = default;
  [[nodiscard]] std::string text() const;  // 8-4-4-4-12, lower case
  [[nodiscard]] ByteView bytes() const { return as_bytes(octets); }
  [[nodiscard]] bool is_nil() const { return *this == Uuid{}; }

  static Result<Uuid> parse(std::string_view text);
  static Result<Uuid> from_bytes(ByteView bytes);               // 16 bytes
  static Uuid random(Random& random);                           // version 4
  static Uuid named(const Uuid& space, std::string_view name);  // version 5 (SHA-1, RFC 9562 section 5.5)
};

// The namespace under which findings, indicators and our own STIX objects are named. Never to be changed.
inline constexpr Uuid kHinomiNamespace{
    {0x6b, 0x1d, 0x0f, 0x52, 0x8a, 0x3e, 0x4c, 0x57, 0x9d, 0x61, 0x1f, 0x0e, 0x70, 0x2b, 0xc8, 0x34}};

}  // namespace hinomi::base
