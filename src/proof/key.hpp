// Ed25519 keys with a name, in the text forms of C2SP signed-note (and Go's golang.org/x/mod/sumdb/note): verifier
// <name>+<key id, 8 hex digits>+<base64(0x01 || public key)> signer    PRIVATE+KEY+<name>+<key id, 8 hex
// digits>+<base64(0x01 || seed)> The key id is the first four bytes, big-endian, of SHA-256(name || 0x0A || 0x01 ||
// public key). It tells keys apart; it is no security boundary.
// Owns:    the key; a signing key's seed is wiped when its last copy goes.
// Threads: immutable values; copies share the key.
// Fails:   Errc::malformed, Errc::unsupported for another signature algorithm.
#pragma once

#include <hinomi/base/bytes.hpp>
#include <hinomi/base/random.hpp>
#include <hinomi/base/result.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace hinomi::proof {

inline constexpr std::uint8_t kEd25519 = 0x01;  // signature type of C2SP signed-note
inline constexpr std::size_t kMaxKeyName = 512;

// Not empty, valid UTF-8, at most kMaxKeyName bytes, no white space or control character (Unicode's included), no plus.
bool is_valid_key_name(std::string_view name);

class VerifierKey {
 public:
  static base::Result<VerifierKey> parse(std::string_view vkey);
  // From the 32 bytes of RFC 8032 section 5.1.5.
  static base::Result<VerifierKey> from_public(std::string name, base::ByteView public_key);

  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::uint32_t id() const { return id_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] base::ByteView public_bytes() const { return public_; }  // 32 bytes
  // RFC 8032 section 5.1.7, pure Ed25519. False for a signature of any other length than 64.
  [[nodiscard]] bool verify(base::ByteView message, base::ByteView signature) const;

  bool operator==(const VerifierKey& other) const { return name_ == other.name_ && public_ == other.public_; }

 private:
  friend class SigningKey;
  struct Key;
  VerifierKey() = default;
  std::string name_;
  base::Bytes public_;
  std::uint32_t id_ = 0;
  std::shared_ptr<const Key> key_;
};

class SigningKey {
 public:
  // The name must satisfy is_valid_key_name; another one is a bug of the caller.
  static SigningKey generate(std::string name, base::Random& random);
  static base::Result<SigningKey> parse(std::string_view skey);

  [[nodiscard]] std::string text() const;  // secret
  [[nodiscard]] VerifierKey verifier() const { return verifier_; }
  [[nodiscard]] const std::string& name() const { return verifier_.name(); }
  [[nodiscard]] base::Bytes sign(base::ByteView message) const;  // 64 bytes, deterministic

 private:
  struct Seed;
  SigningKey() = default;
  static SigningKey from_seed(std::string name, base::ByteView seed);
  std::shared_ptr<const Seed> seed_;
  VerifierKey verifier_;
};

}  // namespace hinomi::proof
