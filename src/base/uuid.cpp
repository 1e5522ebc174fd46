#include <hinomi/base/uuid.hpp>

#include <openssl/evp.h>

#include <algorithm>

namespace hinomi::base {

std::string Uuid::text() const {
  const std::string hex = to_hex(bytes());
  return hex.substr(0, 8) + '-' + hex.substr(8, 4) + '-' + hex.substr(12, 4) + '-' + hex.substr(16, 4) + '-' +
         hex.substr(20);
}

Result<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
    return fail(Errc::malformed, "a UUID looks like 01234567-89ab-cdef-0123-456789abcdef");
  std::string hex;
  for (const char c : text)
    if (c != '-') hex += c;
  if (hex.size() != 32) return fail(Errc::malformed, "a UUID has 32 hexadecimal digits");
  const Bytes bytes = TRY(from_hex(hex));
  return from_bytes(bytes);
}

Result<Uuid> Uuid::from_bytes(ByteView bytes) {
  if (bytes.size() != 16) return fail(Errc::malformed, "a UUID has 16 bytes");
  Uuid out;
  std::copy_n(as_octets(bytes).begin(), 16, out.octets.begin());
  return out;
}

Uuid Uuid::random(Random& random) {
  Uuid out;
  const Bytes bytes = random.bytes(16);
  std::copy_n(as_octets(bytes).begin(), 16, out.octets.begin());
  out.octets[6] = static_cast<std::uint8_t>((out.octets[6] & 0x0f) | 0x40);
  out.octets[8] = static_cast<std::uint8_t>((out.octets[8] & 0x3f) | 0x80);
  return out;
}

Uuid Uuid::named(const Uuid& space, std::string_view name) {
  Bytes message(space.bytes());
  message += name;
  std::array<std::uint8_t, 20> sha1{};
  unsigned int length = 0;
  HINOMI_CHECK(EVP_Digest(message.data(), message.size(), sha1.data(), &length, EVP_sha1(), nullptr) == 1);
  Uuid out;
  std::copy_n(sha1.begin(), 16, out.octets.begin());
  out.octets[6] = static_cast<std::uint8_t>((out.octets[6] & 0x0f) | 0x50);
  out.octets[8] = static_cast<std::uint8_t>((out.octets[8] & 0x3f) | 0x80);
  return out;
}

}  // namespace hinomi::base
