// IP addresses as values.
// Threads: values and pure functions.
#pragma once

#include <hinomi/base/bytes.hpp>

#include <array>
#include <compare>

namespace hinomi::base {

// IPv4 or IPv6. An IPv4-mapped IPv6 address (::ffff:a.b.c.d) becomes the IPv4 address it stands for.
class IpAddress {
 public:
  IpAddress() = default;
  static Result<IpAddress> parse(std::string_view text);
  static Result<IpAddress> from_bytes(ByteView bytes);  // 4 or 16, network order

  auto operator<=>(const IpAddress&) const = default;
  [[nodiscard]] bool is_v4() const { return v4_; }
  [[nodiscard]] ByteView bytes() const { return as_bytes(octets_).substr(0, v4_ ? 4 : 16); }
  [[nodiscard]] std::string text() const;  // dotted decimal, or RFC 5952
  // Not a public host: private, loopback, link-local, shared, documentation, multicast, reserved (RFC 6890 registries).
  [[nodiscard]] bool is_special() const;
  [[nodiscard]] bool within(const IpAddress& network, unsigned prefix_bits) const;  // false for another family

 private:
  std::array<std::uint8_t, 16> octets_{};  // IPv4: the first four
  bool v4_ = false;
};

struct Cidr {
  IpAddress network;
  unsigned prefix_bits = 0;
  static Result<Cidr> parse(std::string_view text);  // "10.0.0.0/8"; a bare address is a network of one
  [[nodiscard]] bool contains(const IpAddress& address) const { return address.within(network, prefix_bits); }
};

}  // namespace hinomi::base
