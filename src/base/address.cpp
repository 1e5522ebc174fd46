#include <hinomi/base/address.hpp>

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <charconv>

namespace hinomi::base {

Result<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.size() < 64) {
    const std::string copy(text);
    std::array<std::uint8_t, 16> buffer{};
    if (inet_pton(AF_INET, copy.c_str(), buffer.data()) == 1) return from_bytes(as_bytes(buffer).substr(0, 4));
    if (inet_pton(AF_INET6, copy.c_str(), buffer.data()) == 1) return from_bytes(as_bytes(buffer));
  }
  return fail(Errc::malformed, fmt::format("'{}' is not an IP address", text.substr(0, 64)));
}

Result<IpAddress> IpAddress::from_bytes(ByteView bytes) {
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (bytes.size() != 4 && bytes.size() != 16) return fail(Errc::malformed, "an IP address has 4 or 16 bytes");
  if (bytes.size() == 16 && bytes.starts_with(as_bytes(mapped))) bytes.remove_prefix(12);
  IpAddress out;
  out.v4_ = bytes.size() == 4;
  std::copy_n(as_octets(bytes).begin(), bytes.size(), out.octets_.begin());
  return out;
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  HINOMI_CHECK(inet_ntop(v4_ ? AF_INET : AF_INET6, octets_.data(), buffer.data(), buffer.size()) != nullptr);
  return buffer.data();
}

bool IpAddress::within(const IpAddress& network, unsigned prefix_bits) const {
  if (v4_ != network.v4_) return false;
  const unsigned whole = prefix_bits / 8;
  const unsigned rest = prefix_bits % 8;
  if (!std::equal(octets_.begin(), octets_.begin() + whole, network.octets_.begin())) return false;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return ((octets_[whole] ^ network.octets_[whole]) & mask) == 0;
}

bool IpAddress::is_special() const {
  // The IANA special-purpose registries (RFC 6890 and its updates), multicast and reserved space.
  static const auto networks = [] {
    std::array<Cidr, 26> out;
    std::size_t count = 0;
    for (const std::string_view text :
         {"0.0.0.0/8",      "10.0.0.0/8",    "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16", "172.16.0.0/12",
          "192.0.0.0/24",   "192.0.2.0/24",  "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",  "198.51.100.0/24",
          "203.0.113.0/24", "224.0.0.0/4",   "240.0.0.0/4",    "::/127",         "64:ff9b:1::/48", "100::/64",
          "2001::/23",      "2001:db8::/32", "2002::/16",      "3fff::/20",      "5f00::/16",      "fc00::/7",
          "fe80::/10",      "ff00::/8"}) {
      out[count++] = *Cidr::parse(text);
    }
    return out;
  }();
  return std::ranges::any_of(networks, [this](const Cidr& network) { return network.contains(*this); });
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  Cidr out;
  out.network = TRY(IpAddress::parse(text.substr(0, slash)));
  const unsigned most = out.network.is_v4() ? 32 : 128;
  out.prefix_bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view bits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), out.prefix_bits);
    if (error != std::errc{} || end != bits.data() + bits.size() || out.prefix_bits > most)
      return fail(Errc::malformed, fmt::format("'{}' is not a network such as 10.0.0.0/8", text.substr(0, 64)));
  }
  return out;
}

}  // namespace hinomi::base
