// SHA-256 (FIPS 180-4): the one digest that evidence, ledger and ids are built on.
// Threads: Digest is a value; a Sha256 belongs to one thread.
#pragma once

#include <hinomi/base/bytes.hpp>

#include <array>
#include <compare>
#include <memory>

namespace hinomi::base {

struct Digest {
  std::array<std::uint8_t, 32> octets{};

  auto operator<=>(const Digest&) const = default;
  [[nodiscard]] ByteView bytes() const { return as_bytes(octets); }
  [[nodiscard]] std::string hex() const { return to_hex(bytes()); }
  [[nodiscard]] bool is_zero() const { return *this == Digest{}; }

  static Result<Digest> from_bytes(ByteView bytes);       // malformed unless 32 bytes
  static Result<Digest> parse_hex(std::string_view hex);  // 64 digits
};

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  Sha256& update(ByteView bytes);
  Digest finish();  // resets for the next message

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest sha256(ByteView bytes);
Digest sha256(std::initializer_list<ByteView> parts);  // of their concatenation

}  // namespace hinomi::base
