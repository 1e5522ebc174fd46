#include <hinomi/proof/key.hpp>

#include <hinomi/base/digest.hpp>
#include <hinomi/base/escape.hpp>

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace hinomi::proof {

using base::Bytes;
using base::ByteView;
using base::Errc;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kSignatureBytes = 64;
constexpr std::string_view kPrivatePrefix = "PRIVATE+KEY+";

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using PKey = std::unique_ptr<EVP_PKEY, FreeKey>;
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

const unsigned char* octets(ByteView bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

std::uint32_t key_id(std::string_view name, ByteView public_key) {
  const base::Digest digest =
      base::sha256({name, ByteView("\n", 1), ByteView(reinterpret_cast<const char*>(&kEd25519), 1), public_key});
  return std::uint32_t{digest.octets[0]} << 24U | std::uint32_t{digest.octets[1]} << 16U |
         std::uint32_t{digest.octets[2]} << 8U | std::uint32_t{digest.octets[3]};
}

struct KeyText {
  std::string_view name;
  std::uint32_t id = 0;
  Bytes key;  // without the algorithm byte
};

// <name>+<hex8>+<base64>: base64 may hold a plus, a name may not.
Result<KeyText> split_key(std::string_view text) {
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return fail(Errc::malformed, "a key is written name+id+base64");
  KeyText out{.name = text.substr(0, first)};
  if (!is_valid_key_name(out.name)) return fail(Errc::malformed, "the key's name is not valid");
  const std::string_view hex = text.substr(first + 1, second - first - 1);
  if (hex.size() != 8 || hex.find_first_of("ABCDEF") != std::string_view::npos)
    return fail(Errc::malformed, "a key id has eight hexadecimal digits in lower case");
  for (const char c : TRY(base::from_hex(hex))) out.id = out.id << 8U | static_cast<unsigned char>(c);
  Bytes raw = TRY(base::from_base64(text.substr(second + 1)));
  if (raw.empty()) return fail(Errc::malformed, "the key is empty");
  if (static_cast<std::uint8_t>(raw.front()) != kEd25519) {
    OPENSSL_cleanse(raw.data(), raw.size());
    return fail(Errc::unsupported, "only Ed25519 keys (type 1) are supported");
  }
  out.key = raw.substr(1);
  OPENSSL_cleanse(raw.data(), raw.size());
  if (out.key.size() != kKeyBytes) return fail(Errc::malformed, "an Ed25519 key has 32 bytes");
  return out;
}

std::string join_key(std::string_view name, std::uint32_t id, ByteView key) {
  Bytes raw(1, static_cast<char>(kEd25519));
  raw += key;
  std::string text = fmt::format("{}+{:08x}+{}", name, id, base::to_base64(raw));
  OPENSSL_cleanse(raw.data(), raw.size());
  return text;
}

// White space of Unicode above ASCII, as UTF-8: NEL, NBSP, ogham, U+2000..200A, line and paragraph separator, U+202F,
// U+205F, ideographic.
bool holds_wide_space(std::string_view name) {
  for (const std::string_view space : {"\u0085", "\u00a0", "\u1680", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"})
    if (name.find(space) != std::string_view::npos) return true;
  for (std::size_t at = name.find("\xe2\x80"); at != std::string_view::npos; at = name.find("\xe2\x80", at + 1))
    if (at + 2 < name.size() && static_cast<unsigned char>(name[at + 2]) >= 0x80 &&
        static_cast<unsigned char>(name[at + 2]) <= 0x8a)
      return true;
  return false;
}

}  // namespace

bool is_valid_key_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxKeyName || !base::is_valid_utf8(name)) return false;
  for (const char c : name)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '+') return false;
  return !holds_wide_space(name);
}

struct VerifierKey::Key {
  PKey key;
};

struct SigningKey::Seed {
  Bytes seed;
  PKey key;
  Seed(ByteView bytes, PKey pkey) : seed(bytes), key(std::move(pkey)) {}
  Seed(const Seed&) = delete;
  Seed& operator=(const Seed&) = delete;
  ~Seed() { OPENSSL_cleanse(seed.data(), seed.size()); }
};

Result<VerifierKey> VerifierKey::from_public(std::string name, ByteView public_key) {
  if (!is_valid_key_name(name)) return fail(Errc::malformed, "the key's name is not valid");
  if (public_key.size() != kKeyBytes) return fail(Errc::malformed, "an Ed25519 public key has 32 bytes");
  PKey key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets(public_key), public_key.size()));
  if (!key) return fail(Errc::malformed, "not an Ed25519 public key");
  VerifierKey out;
  out.name_ = std::move(name);
  out.public_ = Bytes(public_key);
  out.id_ = key_id(out.name_, public_key);
  out.key_ = std::make_shared<Key>(std::move(key));
  return out;
}

Result<VerifierKey> VerifierKey::parse(std::string_view vkey) {
  if (vkey.size() > 2 * kMaxKeyName) return fail(Errc::too_large, "a verifier key is shorter");
  const KeyText text = TRY(split_key(vkey));
  VerifierKey out = TRY(from_public(std::string(text.name), text.key));
  if (out.id() != text.id) return fail(Errc::malformed, "the key id does not match name and key");
  return out;
}

std::string VerifierKey::text() const { return join_key(name_, id_, public_); }

bool VerifierKey::verify(ByteView message, ByteView signature) const {
  if (signature.size() != kSignatureBytes) return false;
  const Context context(EVP_MD_CTX_new());
  HINOMI_CHECK(context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_->key.get()) == 1);
  return EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(message), message.size()) == 1;
}

SigningKey SigningKey::from_seed(std::string name, ByteView seed) {
  PKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, octets(seed), seed.size()));
  HINOMI_CHECK(key != nullptr);
  Bytes public_key(kKeyBytes, '\0');
  std::size_t length = public_key.size();
  HINOMI_CHECK(EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(public_key.data()), &length) ==
               1);
  auto verifier = VerifierKey::from_public(std::move(name), public_key);
  HINOMI_CHECK(verifier.has_value());
  SigningKey out;
  out.seed_ = std::make_shared<Seed>(seed, std::move(key));
  out.verifier_ = std::move(*verifier);
  return out;
}

SigningKey SigningKey::generate(std::string name, base::Random& random) {
  HINOMI_CHECK(is_valid_key_name(name));
  Bytes seed = random.bytes(kKeyBytes);
  SigningKey out = from_seed(std::move(name), seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  return out;
}

Result<SigningKey> SigningKey::parse(std::string_view skey) {
  if (skey.size() > 2 * kMaxKeyName) return fail(Errc::too_large, "a signing key is shorter");
  if (!skey.starts_with(kPrivatePrefix)) return fail(Errc::malformed, "a signing key begins with PRIVATE+KEY+");
  KeyText text = TRY(split_key(skey.substr(kPrivatePrefix.size())));
  SigningKey out = from_seed(std::string(text.name), text.key);
  OPENSSL_cleanse(text.key.data(), text.key.size());
  if (out.verifier_.id() != text.id) return fail(Errc::malformed, "the key id does not match name and key");
  return out;
}

std::string SigningKey::text() const {
  return std::string(kPrivatePrefix) + join_key(name(), verifier_.id(), seed_->seed);
}

Bytes SigningKey::sign(ByteView message) const {
  const Context context(EVP_MD_CTX_new());
  HINOMI_CHECK(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, seed_->key.get()) == 1);
  Bytes signature(kSignatureBytes, '\0');
  std::size_t length = signature.size();
  HINOMI_CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length,
                              octets(message), message.size()) == 1);
  return signature;
}

}  // namespace hinomi::proof
