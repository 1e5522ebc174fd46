// One peer to talk to: HTTP/1.1 over TLS 1.3 (through a CONNECT proxy if need be) or over a unix socket.
// Idea:    one connection, kept between requests; each send() runs its own coroutine on the caller's thread.
// Owns:    the connection.
// Threads: one at a time.
// Fails:   unavailable (no connection, closed), timed_out (naming the step), unauthenticated (the peer's certificate does not
//          come from the expected CA, names its issuer; or the proxy wants a password), forbidden (our certificate was
//          refused), malformed, too_large. No byte of a request is sent before the peer's certificate has been verified.
//          Name look-up is bounded by the system's resolver alone.
#pragma once

#include <hinomi/net/http.hpp>

#include <chrono>
#include <memory>

namespace hinomi::net {

struct Proxy {
  std::string url;          // http://host:port
  std::string credentials;  // "user:password" for Basic; empty for none (read_proxy_credentials)
};

struct ClientOptions {
  std::string url;                       // https://host:port, unix:/path; http://host:port for loopback addresses only
  std::string ca_pem;                    // https: the CA that must have issued the peer's certificate, or
  std::optional<std::string> ca_sha256;  // … SHA-256 (hex) of that CA's certificate, which the peer must send along
  std::string certificate_pem;           // ours; empty for none
  std::string key_pem;
  std::string server_name;  // expected in the peer's certificate; the URL's host unless said
  std::optional<Proxy> proxy;
  std::size_t max_header = 16U << 10;
  std::size_t max_body = 8U << 20;
  std::chrono::milliseconds connect_time{10'000};  // each step has its own: connect, proxy, handshake
  std::chrono::milliseconds write_time{30'000};
  std::chrono::milliseconds answer_time{90'000};  // to the answer's whole header, then again to its whole body
  std::chrono::milliseconds keep_time{50'000};    // a connection older than this since its last use is not used again
};

class Client final {
 public:
  static base::Result<std::unique_ptr<Client>> create(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends `method`, `path` (as it stands: encode it first where needed), `query`, `headers`, `body`.
  base::Result<Response> send(const Request& request);
  // Of the last TLS connection: the key exchange, for example "X25519MLKEM768" or "x25519"; "" if there was none.
  [[nodiscard]] std::string negotiated_group() const;
  // The certificate of the CA that the peer's chain ended in (PEM): for pinning by digest. "" before the first handshake.
  [[nodiscard]] std::string peer_ca_pem() const;

 private:
  class State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Reads "user:password" from the first line of a file; forbidden if others may read the file.
base::Result<std::string> read_proxy_credentials(const std::string& path);

}  // namespace hinomi::net
