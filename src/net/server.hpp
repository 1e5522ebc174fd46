// One door: an HTTP/1.1 server on TLS 1.3, on a unix socket, or in the clear on loopback alone.
// Idea:    coroutines on one I/O thread read and write; handlers run on a bounded pool of workers and may block.
// Owns:    the listening socket, its connections, the I/O thread and the workers.
// Threads: start() and stop() from one thread; port() and counters() from any.
// Fails:   at start with Errc::io, conflict (address in use), malformed (certificate or key). Afterwards bad peers are
//          answered or closed, and counted; nothing that a peer does ends the server.
// Limits:  header 16 KiB, body, connections, and a deadline for idling, handshake, header, body, handler and writing.
#pragma once

#include <hinomi/net/http.hpp>

#include <atomic>
#include <chrono>
#include <memory>

namespace hinomi::net {

enum class ClientCertificates : std::uint8_t { none, optional, required };

struct ServerTls {
  std::string certificate_pem;  // the server's certificate, then the chain up to and with the CA
  std::string key_pem;
  ClientCertificates clients = ClientCertificates::none;
  std::string clients_ca_pem;  // whom client certificates must come from; needed unless `clients` is none
};

struct ServerOptions {
  std::string address;  // "127.0.0.1:8443", "[::1]:0" (0: any free port) or "unix:/path"
  std::optional<ServerTls> tls;
  std::size_t max_header = 16U << 10;
  std::size_t max_body = 1U << 20;
  std::size_t max_connections = 4096;
  unsigned workers = 8;
  unsigned unix_mode = 0660;                         // of the socket file
  std::chrono::milliseconds idle_time{60'000};       // between requests
  std::chrono::milliseconds handshake_time{10'000};  // TLS
  std::chrono::milliseconds header_time{10'000};     // from the first byte to the whole header
  std::chrono::milliseconds body_time{30'000};
  std::chrono::milliseconds handler_time{60'000};  // then the peer gets 503; the handler itself runs on
  std::chrono::milliseconds write_time{30'000};
  std::chrono::milliseconds stop_time{10'000};  // how long stop() lets requests in work finish
};

// What happened at the door since it opened.
struct ServerCounters {
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> refused_connections{0};  // over max_connections
  std::atomic<std::uint64_t> failed_handshakes{0};
  std::atomic<std::uint64_t> malformed{0};
  std::atomic<std::uint64_t> too_large{0};
  std::atomic<std::uint64_t> timed_out{0};
};

class Server final {
 public:
  static base::Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler);
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const;  // 0 for unix sockets
  [[nodiscard]] const ServerCounters& counters() const;
  // Closes the door, ends idle connections, lets requests in work finish (up to stop_time), joins. May be called twice.
  void stop();

 private:
  class State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hinomi::net
