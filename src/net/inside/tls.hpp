// OpenSSL contexts for server and client, without Asio.
// Threads: a context may be shared by connections of one thread.
#pragma once

#include <hinomi/net/http.hpp>

#include <openssl/ssl.h>
#include <memory>

namespace hinomi::net::inside {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;

struct Identity {
  std::string certificate_pem;  // chain, own certificate first; empty for none
  std::string key_pem;
};

// TLS 1.3 only, no tickets, no session cache.
base::Result<Context> make_server_context(const Identity& identity, bool ask_client, bool require_client,
                                          const std::string& clients_ca_pem);

// What a client expects of its peer, and what it found when that failed. Must outlive the context's connections.
struct Expectation {
  std::string ca_pem;
  std::optional<std::string> ca_sha256;
  std::string found;     // why verification failed, for people; empty if it did not
  bool foreign = false;  // the chain ended in another issuer
  std::string ca;        // PEM of the CA that the verified chain ended in
};
base::Result<Context> make_client_context(const Identity& identity, Expectation& expectation);
// Name check and SNI for one connection; `name` may be an IP address.
base::Status expect_name(SSL* ssl, const std::string& name);

std::optional<PeerCertificate> peer_certificate(SSL* ssl);  // none if there is none or it was not verified
std::string group_of(SSL* ssl);
std::string openssl_errors();  // takes and clears this thread's queue

}  // namespace hinomi::net::inside
