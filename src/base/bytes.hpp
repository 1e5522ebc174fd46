// Bytes and their text forms.
// Bytes travel as std::string and std::string_view throughout (what protozero, zstd, OpenSSL and files take); text that
// people read is std::string too, and says UTF-8 where it matters.
// Threads: values and pure functions.
#pragma once

#include <hinomi/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace hinomi::base {

using Bytes = std::string;
using ByteView = std::string_view;

inline std::span<const std::uint8_t> as_octets(ByteView bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}
inline ByteView as_bytes(std::span<const std::uint8_t> octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

std::string to_hex(ByteView bytes);                // lower case
Result<Bytes> from_hex(std::string_view text);     // either case; malformed for anything else or odd length
std::string to_base64(ByteView bytes);             // RFC 4648 section 4, padded
Result<Bytes> from_base64(std::string_view text);  // strict: padding required, no white space, no stray bits
std::string to_base64url(ByteView bytes);          // RFC 4648 section 5, unpadded
Result<Bytes> from_base64url(std::string_view text);

// Compares without telling by its duration where the first difference is. Different lengths differ at once.
bool equal_constant_time(ByteView a, ByteView b);

void put_u32le(Bytes& out, std::uint32_t value);
void put_u64le(Bytes& out, std::uint64_t value);
std::uint32_t get_u32le(ByteView bytes);  // needs 4 bytes
std::uint64_t get_u64le(ByteView bytes);  // needs 8 bytes

}  // namespace hinomi::base
