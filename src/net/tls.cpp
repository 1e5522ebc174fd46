#include <hinomi/net/inside/tls.hpp>

#include <hinomi/base/digest.hpp>
#include <hinomi/base/escape.hpp>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace hinomi::net::inside {
namespace {

template <auto F>
struct With {
  template <class T>
  void operator()(T* pointer) const {
    F(pointer);
  }
};
using Bio = std::unique_ptr<BIO, With<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, With<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, With<EVP_PKEY_free>>;

Bio memory(std::string_view text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::string take(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

base::Result<std::vector<Certificate>> read_certificates(std::string_view pem, std::string_view what) {
  std::vector<Certificate> out;
  const Bio bio = memory(pem);
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) out.emplace_back(one);
  ERR_clear_error();
  if (out.empty()) return base::fail(base::Errc::malformed, fmt::format("{}: no PEM certificate", what));
  return out;
}

std::string der_of(const X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return out;
}

std::string name_line(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  return base::escape_for_display(take(bio.get()));
}

std::string name_part(const X509_NAME* name, int nid) {
  const int at = X509_NAME_get_index_by_NID(name, nid, -1);
  if (at < 0) return {};
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) return {};
  std::string out(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return out;
}

base::Time time_of(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return {static_cast<std::int64_t>(timegm(&parts)) * 1'000'000'000};
}

base::Status use_identity(SSL_CTX* context, const Identity& identity) {
  auto chain = TRY(read_certificates(identity.certificate_pem, "certificate"));
  const Bio bio = memory(identity.key_pem);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key) return base::fail(base::Errc::malformed, "private key: not PEM: " + openssl_errors());
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1 || SSL_CTX_use_PrivateKey(context, key.get()) != 1)
    return base::fail(base::Errc::malformed, "certificate and private key do not belong together: " + openssl_errors());
  for (std::size_t i = 1; i < chain.size(); ++i)
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1)
      return base::fail(base::Errc::malformed, openssl_errors());
  return {};
}

base::Result<Context> make_context(const SSL_METHOD* method) {
  Context context(SSL_CTX_new(method));
  if (!context) return base::fail(base::Errc::internal, "TLS context: " + openssl_errors());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  // The hybrid group is known from OpenSSL 3.5 on; older ones refuse the whole list.
  if (SSL_CTX_set1_groups_list(context.get(), "X25519MLKEM768:X25519:P-256") != 1)
    SSL_CTX_set1_groups_list(context.get(), "X25519:P-256");
  ERR_clear_error();
  return context;
}

base::Status trust(SSL_CTX* context, const std::string& pem) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const Certificate& one : TRY(read_certificates(pem, "CA certificate")))
    if (X509_STORE_add_cert(store, one.get()) != 1)
      return base::fail(base::Errc::malformed, "CA certificate: " + openssl_errors());
  return {};
}

// Called by OpenSSL with the peer's chain. The pinned CA, if the peer sent it, is the one trusted certificate.
int verify_peer(X509_STORE_CTX* verification, void* argument) {
  Expectation& expectation = *static_cast<Expectation*>(argument);
  STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(verification);
  STACK_OF(X509)* trusted = nullptr;
  if (expectation.ca_sha256) {
    trusted = sk_X509_new_null();
    for (int i = 0; i < sk_X509_num(sent); ++i) {
      X509* one = sk_X509_value(sent, i);
      if (base::sha256(der_of(one)).hex() == *expectation.ca_sha256) sk_X509_push(trusted, one);
    }
    X509_STORE_CTX_set0_trusted_stack(verification, trusted);
  }
  const int good = X509_verify_cert(verification);
  if (good == 1) {
    STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(verification);
    const Bio bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), sk_X509_value(chain, sk_X509_num(chain) - 1));
    expectation.ca = take(bio.get());
    expectation.found.clear();
    expectation.foreign = false;
  } else {
    const int error = X509_STORE_CTX_get_error(verification);
    const X509* top = sent && sk_X509_num(sent) > 0 ? sk_X509_value(sent, sk_X509_num(sent) - 1)
                                                    : X509_STORE_CTX_get0_cert(verification);
    const std::string issuer = top ? name_line(X509_get_issuer_name(top)) : "nobody";
    expectation.foreign =
        error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT || error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
        error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN || error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
        error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE || error == X509_V_ERR_CERT_SIGNATURE_FAILURE;
    expectation.found =
        expectation.foreign ? issuer : fmt::format("{} (issuer: {})", X509_verify_cert_error_string(error), issuer);
  }
  if (trusted) {
    X509_STORE_CTX_set0_trusted_stack(verification, nullptr);
    sk_X509_free(trusted);
  }
  return good;
}

}  // namespace

std::string openssl_errors() {
  std::string out;
  while (const unsigned long code = ERR_get_error()) {
    char text[256];
    ERR_error_string_n(code, text, sizeof text);
    out += (out.empty() ? "" : "; ") + std::string(text);
  }
  return out;
}

base::Result<Context> make_server_context(const Identity& identity, bool ask_client, bool require_client,
                                          const std::string& clients_ca_pem) {
  Context context = TRY(make_context(TLS_server_method()));
  TRY_VOID(use_identity(context.get(), identity));
  if (ask_client) {
    TRY_VOID(trust(context.get(), clients_ca_pem));
    for (const Certificate& one : TRY(read_certificates(clients_ca_pem, "CA certificate")))
      SSL_CTX_add_client_CA(context.get(), one.get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | (require_client ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       nullptr);
  }
  return context;
}

base::Result<Context> make_client_context(const Identity& identity, Expectation& expectation) {
  Context context = TRY(make_context(TLS_client_method()));
  if (!identity.certificate_pem.empty()) TRY_VOID(use_identity(context.get(), identity));
  if (expectation.ca_sha256.has_value() == !expectation.ca_pem.empty())
    return base::fail(base::Errc::invalid_argument, "https needs either the CA's certificate or its SHA-256");
  if (!expectation.ca_pem.empty()) TRY_VOID(trust(context.get(), expectation.ca_pem));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context.get(), &verify_peer, &expectation);
  return context;
}

base::Status expect_name(SSL* ssl, const std::string& name) {
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1) return {};
  ERR_clear_error();
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_host(parameters, name.data(), name.size()) != 1 ||
      SSL_set_tlsext_host_name(ssl, name.c_str()) != 1)
    return base::fail(base::Errc::invalid_argument, fmt::format("'{}' cannot stand in a certificate", name));
  return {};
}

std::optional<PeerCertificate> peer_certificate(SSL* ssl) {
  const Certificate certificate(SSL_get1_peer_certificate(ssl));
  if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK) return std::nullopt;
  PeerCertificate out;
  const X509_NAME* subject = X509_get_subject_name(certificate.get());
  out.organisation = name_part(subject, NID_organizationName);
  out.organisational_unit = name_part(subject, NID_organizationalUnitName);
  out.common_name = name_part(subject, NID_commonName);
  out.issuer = name_line(X509_get_issuer_name(certificate.get()));
  out.der = der_of(certificate.get());
  out.not_before = time_of(X509_get0_notBefore(certificate.get()));
  out.not_after = time_of(X509_get0_notAfter(certificate.get()));
  const std::unique_ptr<BIGNUM, With<BN_free>> serial(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate.get()), nullptr));
  if (char* hex = serial ? BN_bn2hex(serial.get()) : nullptr) {
    for (const char* c = hex; *c; ++c) out.serial += *c >= 'A' && *c <= 'F' ? static_cast<char>(*c + 32) : *c;
    OPENSSL_free(hex);
    out.serial.erase(0, std::min(out.serial.find_first_not_of('0'), out.serial.size()));
  }
  if (auto* names =
          static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr))) {
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
      const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
      if (name->type != GEN_URI) continue;
      const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
      out.uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                            static_cast<std::size_t>(ASN1_STRING_length(uri)));
    }
    GENERAL_NAMES_free(names);
  }
  return out;
}

std::string group_of(SSL* ssl) {
  const char* name = SSL_group_to_name(ssl, static_cast<int>(SSL_get_negotiated_group(ssl)));
  return name ? name : "";
}

}  // namespace hinomi::net::inside
