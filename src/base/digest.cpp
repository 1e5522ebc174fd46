#include <hinomi/base/digest.hpp>

#include <openssl/evp.h>

#include <algorithm>

namespace hinomi::base {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

namespace {
// Looked up once: a fetch by name on every digest costs more than the digest of a short message.
const EVP_MD* algorithm() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  HINOMI_CHECK(md != nullptr);
  return md;
}
}  // namespace

Sha256::Sha256() : state_(std::make_unique<State>()) {
  HINOMI_CHECK(EVP_DigestInit_ex2(state_->context, algorithm(), nullptr) == 1);
}
Sha256::~Sha256() = default;

Sha256& Sha256::update(ByteView bytes) {
  HINOMI_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
  return *this;
}

Digest Sha256::finish() {
  Digest out;
  unsigned int length = 0;
  HINOMI_CHECK(EVP_DigestFinal_ex(state_->context, out.octets.data(), &length) == 1 && length == 32);
  HINOMI_CHECK(EVP_DigestInit_ex2(state_->context, algorithm(), nullptr) == 1);
  return out;
}

Digest sha256(ByteView bytes) { return sha256({bytes}); }

Digest sha256(std::initializer_list<ByteView> parts) {
  thread_local Sha256 hasher;
  for (const ByteView part : parts) hasher.update(part);
  return hasher.finish();
}

Result<Digest> Digest::from_bytes(ByteView bytes) {
  if (bytes.size() != 32) return fail(Errc::malformed, "a SHA-256 digest has 32 bytes");
  Digest out;
  std::copy_n(as_octets(bytes).begin(), 32, out.octets.begin());
  return out;
}

Result<Digest> Digest::parse_hex(std::string_view hex) {
  if (hex.size() != 64) return fail(Errc::malformed, "a SHA-256 digest has 64 hexadecimal digits");
  const Bytes bytes = TRY(from_hex(hex));
  return from_bytes(bytes);
}

}  // namespace hinomi::base
