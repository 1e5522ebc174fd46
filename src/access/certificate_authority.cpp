#include <hinomi/access/certificate_authority.hpp>

#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace hinomi::access {
namespace {

using base::Errc;
using base::fail;

template <auto F>
struct With {
  template <class T>
  void operator()(T* pointer) const {
    F(pointer);
  }
};
using Bio = std::unique_ptr<BIO, With<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, With<X509_free>>;
using SigningRequest = std::unique_ptr<X509_REQ, With<X509_REQ_free>>;
using Key = std::unique_ptr<EVP_PKEY, With<EVP_PKEY_free>>;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return text_of(bio.get());
}

std::string pem_of(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio.get());
}

base::Digest der_digest(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  HINOMI_CHECK(size > 0);
  const base::Digest digest = base::sha256({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return digest;
}

base::Digest key_digest(const EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  HINOMI_CHECK(size > 0);
  const base::Digest digest = base::sha256({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return digest;
}

bool is_p256(const EVP_PKEY* key) {
  char group[64] = "";
  std::size_t size = 0;
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 &&
         std::string_view(group) == "prime256v1";
}

bool is_address(const std::string& name) {
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(name.c_str());
  ERR_clear_error();
  const bool is = address != nullptr;
  ASN1_OCTET_STRING_free(address);
  return is;
}

struct Plan {
  std::vector<std::pair<const char*, std::string>> subject;
  std::string alternatives;  // X509V3 syntax; made of names that were checked
  base::Time not_before;
  base::Time not_after;
  enum class Use : std::uint8_t { authority, client, server } use = Use::client;
};

// The certificate, signed; `issuer` null for self-signed.
base::Result<Certificate> make_certificate(const Plan& plan, EVP_PKEY* key, X509* issuer, EVP_PKEY* signer) {
  Certificate out(X509_new());
  X509_set_version(out.get(), X509_VERSION_3);
  unsigned char serial[16];
  if (RAND_bytes(serial, sizeof serial) != 1) return fail(Errc::io, "no randomness");
  serial[0] = static_cast<unsigned char>((serial[0] & 0x7f) | 0x40);  // positive, and always 16 bytes long
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(out.get()));
  BN_free(number);
  ASN1_TIME_set(X509_getm_notBefore(out.get()), plan.not_before.seconds());
  ASN1_TIME_set(X509_getm_notAfter(out.get()), plan.not_after.seconds());
  X509_NAME* subject = X509_get_subject_name(out.get());
  for (const auto& [field, value] : plan.subject)
    if (X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                   static_cast<int>(value.size()), -1, 0) != 1)
      return fail(Errc::malformed, fmt::format("'{}' cannot stand in a certificate", value));
  X509_set_issuer_name(out.get(), issuer ? X509_get_subject_name(issuer) : subject);
  X509_set_pubkey(out.get(), key);
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer ? issuer : out.get(), out.get(), nullptr, nullptr, 0);
  const auto extend = [&](int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    if (!extension) return false;
    X509_add_ext(out.get(), extension, -1);
    X509_EXTENSION_free(extension);
    return true;
  };
  bool good = extend(NID_subject_key_identifier, "hash");
  if (plan.use == Plan::Use::authority) {
    good = good && extend(NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           extend(NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    good = good && extend(NID_basic_constraints, "critical,CA:FALSE") &&
           extend(NID_key_usage, "critical,digitalSignature") && extend(NID_authority_key_identifier, "keyid") &&
           extend(NID_ext_key_usage, plan.use == Plan::Use::client ? "clientAuth" : "serverAuth") &&
           extend(NID_subject_alt_name, plan.alternatives);
  }
  if (!good || X509_sign(out.get(), signer, EVP_sha256()) <= 0) {
    ERR_clear_error();
    return fail(Errc::internal, "the certificate could not be made");
  }
  return out;
}

}  // namespace

struct CertificateAuthority::State {
  Certificate certificate;
  Key key;
  std::string pem;
  base::Digest digest;
};

CertificateAuthority::CertificateAuthority(std::unique_ptr<State> state) : state_(std::move(state)) {}
CertificateAuthority::~CertificateAuthority() = default;

base::Result<std::unique_ptr<CertificateAuthority>> CertificateAuthority::open_or_create(const base::fs::path& folder,
                                                                                         const std::string& centre_name,
                                                                                         base::Time now) {
  TRY_VOID(base::make_folder(folder));
  const base::fs::path certificate_path = folder / "ca.pem";
  const base::fs::path key_path = folder / "ca.key";
  auto state = std::make_unique<State>();
  std::error_code ignored;
  if (!base::fs::exists(certificate_path, ignored)) {
    // The certificate is written last: a key without one is left from a start that was cut short, and counts for nothing.
    state->key.reset(EVP_EC_gen("P-256"));
    if (!state->key) return fail(Errc::internal, "the CA's key could not be made");
    Plan plan{.subject = {{"O", centre_name}, {"CN", "Hinomi CA of " + centre_name}},
              .not_before = now.plus_seconds(-3600),
              .not_after = now.plus_seconds(3650LL * 86'400),
              .use = Plan::Use::authority};
    if (plan.subject[1].second.size() > 64) plan.subject[1].second = "Hinomi CA";  // RFC 5280 ub-common-name
    state->certificate = TRY(make_certificate(plan, state->key.get(), nullptr, state->key.get()));
    TRY_VOID(base::write_file(key_path, pem_of(state->key.get()), base::Durability::synced, 0600));
    TRY_VOID(base::write_file(certificate_path, pem_of(state->certificate.get())));
  } else {
    const base::Bytes certificate = TRY(base::read_file(certificate_path, 64U << 10));
    const base::Bytes key = TRY(base::read_file(key_path, 64U << 10));
    const Bio certificate_bio(BIO_new_mem_buf(certificate.data(), static_cast<int>(certificate.size())));
    const Bio key_bio(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
    state->certificate.reset(PEM_read_bio_X509(certificate_bio.get(), nullptr, nullptr, nullptr));
    state->key.reset(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
    const bool good =
        state->certificate && state->key && X509_check_private_key(state->certificate.get(), state->key.get()) == 1;
    ERR_clear_error();
    if (!good)
      return fail(Errc::corrupt,
                  fmt::format("{}: the CA's certificate and key do not belong together", folder.string()));
  }
  state->pem = pem_of(state->certificate.get());
  state->digest = der_digest(state->certificate.get());
  return std::unique_ptr<CertificateAuthority>(new CertificateAuthority(std::move(state)));
}

base::Result<ClientCertificate> CertificateAuthority::issue_client(std::string_view request_pem,
                                                                   const model::OrganisationId& organisation,
                                                                   const model::SystemId& system,
                                                                   const model::SensorId& sensor, base::Time not_before,
                                                                   base::Time not_after) const {
  if (request_pem.size() > (16U << 10)) return fail(Errc::too_large, "a certificate request may be 16 KiB long");
  const Bio bio(BIO_new_mem_buf(request_pem.data(), static_cast<int>(request_pem.size())));
  const SigningRequest request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  EVP_PKEY* key = request ? X509_REQ_get0_pubkey(request.get()) : nullptr;
  const bool signed_by_key = key && is_p256(key) && X509_REQ_verify(request.get(), key) == 1;
  ERR_clear_error();
  if (!request) return fail(Errc::malformed, "not a certificate request in PEM");
  if (!signed_by_key) return fail(Errc::malformed, "a certificate request must hold a P-256 key and be signed by it");
  const Plan plan{.subject = {{"O", organisation.text()}, {"OU", system.text()}, {"CN", sensor.text()}},
                  .alternatives = "URI:" + sensor_uri(organisation, system, sensor),
                  .not_before = not_before,
                  .not_after = not_after,
                  .use = Plan::Use::client};
  const Certificate certificate = TRY(make_certificate(plan, key, state_->certificate.get(), state_->key.get()));
  ClientCertificate out{.pem = pem_of(certificate.get()),
                        .link_key = key_digest(key),
                        .not_after = {not_after.seconds() * 1'000'000'000}};
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate.get()), nullptr);
  char* hex = BN_bn2hex(number);
  for (const char* c = hex; *c; ++c) out.serial += *c >= 'A' && *c <= 'F' ? static_cast<char>(*c + 32) : *c;
  OPENSSL_free(hex);
  BN_free(number);
  out.serial.erase(0, std::min(out.serial.find_first_not_of('0'), out.serial.size()));
  return out;
}

base::Result<ServerCertificate> CertificateAuthority::issue_server(const std::vector<std::string>& names,
                                                                   base::Time not_before, base::Time not_after) const {
  std::string alternatives;
  for (const std::string& name : names) {
    bool good = !name.empty() && name.size() <= 253;
    for (const char c : name)
      good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                      c == '.' || c == '_' || c == ':');
    const bool address = good && is_address(name);
    if (!good || (!address && name.find(':') != std::string::npos))
      return fail(Errc::invalid_argument, fmt::format("'{}' is not a host name or an IP address", name));
    alternatives += (alternatives.empty() ? "" : ",") + std::string(address ? "IP:" : "DNS:") + name;
  }
  if (names.empty()) return fail(Errc::invalid_argument, "a server's certificate needs at least one name");
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return fail(Errc::internal, "the server's key could not be made");
  const Plan plan{.subject = {{"CN", names.front().size() <= 64 ? names.front() : "hinomi"}},
                  .alternatives = alternatives,
                  .not_before = not_before,
                  .not_after = not_after,
                  .use = Plan::Use::server};
  const Certificate certificate = TRY(make_certificate(plan, key.get(), state_->certificate.get(), state_->key.get()));
  return ServerCertificate{pem_of(certificate.get()) + state_->pem, pem_of(key.get())};
}

const std::string& CertificateAuthority::certificate_pem() const { return state_->pem; }
const base::Digest& CertificateAuthority::sha256() const { return state_->digest; }

base::Result<base::Digest> public_key_digest(base::ByteView certificate_der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(certificate_der.data());
  const Certificate certificate(d2i_X509(nullptr, &bytes, static_cast<long>(certificate_der.size())));
  const EVP_PKEY* key = certificate ? X509_get0_pubkey(certificate.get()) : nullptr;
  ERR_clear_error();
  if (!key) return fail(Errc::malformed, "not a certificate");
  return key_digest(key);
}

std::string sensor_uri(const model::OrganisationId& organisation, const model::SystemId& system,
                       const model::SensorId& sensor) {
  return fmt::format("hinomi://{}/{}/{}", organisation.text(), system.text(), sensor.text());
}

}  // namespace hinomi::access
