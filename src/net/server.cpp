#include <hinomi/net/server.hpp>

#include <hinomi/base/file.hpp>
#include <hinomi/net/inside/tls.hpp>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <fmt/format.h>

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <list>
#include <thread>

namespace hinomi::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Protocol = asio::generic::stream_protocol;  // TCP and unix sockets alike
using Stream = beast::basic_stream<Protocol>;
using TlsStream = asio::ssl::stream<Stream&>;
using Acceptor = asio::basic_socket_acceptor<Protocol>;
template <class T>
using Task = asio::awaitable<T>;

// An awaited operation gives (error, …) and does not throw.
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

base::Result<base::Descriptor> listen_on(const Address& address, const ServerOptions& options) {
  if (address.scheme == Address::Scheme::unix_socket) {
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    address.path.copy(where.sun_path, sizeof where.sun_path - 1);
    // A socket file that nobody answers is left from a run that was killed.
    {
      const base::Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0)
        return base::fail(base::Errc::conflict, fmt::format("{}: another process answers here", address.path));
      struct stat status{};
      if (::lstat(address.path.c_str(), &status) == 0) {
        if (!S_ISSOCK(status.st_mode))
          return base::fail(base::Errc::already_exists, fmt::format("{}: exists and is no socket", address.path));
        ::unlink(address.path.c_str());
      }
    }
    base::Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // Made unreachable first, so that nobody connects before the mode is right.
    const mode_t before = ::umask(0777);
    const int bound = ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where);
    const int number = errno;
    ::umask(before);
    if (bound != 0) return base::fail(base::error_from_errno(number, "binding " + address.path));
    if (::chmod(address.path.c_str(), options.unix_mode) != 0 || ::listen(listener.get(), 512) != 0)
      return base::fail(base::error_from_errno(errno, "listening on " + address.path));
    return listener;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int looked_up = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (looked_up != 0 || !found)
    return base::fail(base::Errc::invalid_argument, fmt::format("{}: {}", address.host, ::gai_strerror(looked_up)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  base::Descriptor listener(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener.get(), found->ai_addr, found->ai_addrlen) != 0) {
    if (errno == EADDRINUSE)
      return base::fail(base::Errc::conflict, fmt::format("{}: the address is in use", address.authority()));
    return base::fail(base::error_from_errno(errno, "binding " + address.authority()));
  }
  if (::listen(listener.get(), 512) != 0)
    return base::fail(base::error_from_errno(errno, "listening on " + address.authority()));
  return listener;
}

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

Peer peer_of(Stream& stream, bool unix_socket) {
  Peer peer;
  if (unix_socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(stream.socket().native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
      peer.unix_uid = credentials.uid;
      peer.unix_pid = credentials.pid;
    }
    peer.address = "unix";
    return peer;
  }
  sockaddr_storage where{};
  socklen_t size = sizeof where;
  char text[NI_MAXHOST] = "";
  if (::getpeername(stream.socket().native_handle(), reinterpret_cast<sockaddr*>(&where), &size) == 0)
    ::getnameinfo(reinterpret_cast<const sockaddr*>(&where), size, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  peer.address = text;
  return peer;
}

bool is_token(std::string_view name) {
  if (name.empty()) return false;
  for (const char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
      return false;
  return true;
}

// The status line and header. Header values cannot break out: control characters are left out.
std::string head_of(const Response& response, bool keep_alive) {
  std::string out =
      fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                  std::string(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.status)))));
  for (const Header& header : response.headers) {
    if (!is_token(header.name)) continue;
    out += header.name + ": ";
    for (const char c : header.value)
      if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) out += c;
    out += "\r\n";
  }
  if (response.status != 204 && response.status != 304)
    out += fmt::format("Content-Length: {}\r\n", response.body.size());
  out += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return out;
}

}  // namespace

class Server::State {
 public:
  State(ServerOptions options, Handler handler)
      : options_(std::move(options)), handler_(std::move(handler)), workers_(options_.workers) {}

  ~State() {
    stop();
    if (!socket_file_.empty()) ::unlink(socket_file_.c_str());
  }

  base::Status open() {
    const Address address = TRY(Address::parse(options_.address));
    if (address.scheme == Address::Scheme::http || address.scheme == Address::Scheme::https)
      return base::fail(base::Errc::invalid_argument,
                        "a door is an address and a port, or unix:/path, without http://");
    unix_socket_ = address.scheme == Address::Scheme::unix_socket;
    if (!unix_socket_ && !options_.tls && !is_loopback(address.host))
      return base::fail(base::Errc::invalid_argument,
                        fmt::format("{}: without TLS only loopback addresses are served", options_.address));
    if (options_.tls) {
      const bool ask = options_.tls->clients != ClientCertificates::none;
      inside::Context context = TRY(inside::make_server_context(
          {options_.tls->certificate_pem, options_.tls->key_pem}, ask,
          options_.tls->clients == ClientCertificates::required, options_.tls->clients_ca_pem));
      tls_.emplace(context.release());
    }
    base::Descriptor listener = TRY(listen_on(address, options_));
    if (unix_socket_) socket_file_ = address.path;
    sockaddr_storage where{};
    socklen_t size = sizeof where;
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&where), &size);
    if (where.ss_family == AF_INET) port_ = ntohs(reinterpret_cast<const sockaddr_in&>(where).sin_port);
    if (where.ss_family == AF_INET6) port_ = ntohs(reinterpret_cast<const sockaddr_in6&>(where).sin6_port);
    error_code error;
    (void)acceptor_.assign(Protocol(where.ss_family, 0), listener.get(), error);
    if (error) return base::fail(base::Errc::io, "listening: " + error.message());
    listener.release();
    asio::co_spawn(io_, accept(), [](const std::exception_ptr& exception) { HINOMI_CHECK(!exception); });
    thread_ = std::thread([this] { io_.run(); });
    return {};
  }

  void stop() {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] {
      stopping_ = true;
      error_code ignored;
      (void)acceptor_.close(ignored);
      stop_timer_.expires_after(options_.stop_time);
      stop_timer_.async_wait([this](error_code error) {
        if (!error) io_.stop();
      });
      for (const Connection& connection : connections_)
        if (!connection.working) connection.stream->cancel();
      end_if_empty();
    });
    thread_.join();
    workers_.join();  // answers of handlers that came too late go nowhere
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const ServerCounters& counters() const { return counters_; }

 private:
  struct Connection {
    Stream* stream;
    bool working = false;  // between the first byte of a request and the last of its answer
  };
  using Place = std::list<Connection>::iterator;

  void end_if_empty() {
    if (!stopping_ || !connections_.empty()) return;
    stop_timer_.cancel();
  }

  Task<void> accept() {
    while (!stopping_) {
      auto [error, socket] = co_await acceptor_.async_accept(kTuple);
      if (error == asio::error::operation_aborted || stopping_) co_return;
      if (error) {
        // Out of descriptors: wait a little; what is open will close.
        asio::steady_timer pause(io_, std::chrono::milliseconds(50));
        [[maybe_unused]] auto [ignored] = co_await pause.async_wait(kTuple);
        continue;
      }
      ++counters_.connections;
      if (connections_.size() >= options_.max_connections) {
        ++counters_.refused_connections;
        continue;  // closes it
      }
      // An exception (out of memory) costs the connection it struck.
      asio::co_spawn(io_, serve(std::move(socket)), [this](const std::exception_ptr&) { end_if_empty(); });
    }
  }

  Task<void> serve(Protocol::socket socket) {
    Stream stream(std::move(socket));
    const auto place = connections_.insert(connections_.end(), Connection{&stream});
    struct Leave {
      std::list<Connection>& connections;
      Place place;
      ~Leave() { connections.erase(place); }
    };
    const Leave leave{connections_, place};
    if (!unix_socket_) {
      const int on = 1;
      ::setsockopt(stream.socket().native_handle(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
    }
    Peer peer = peer_of(stream, unix_socket_);
    if (tls_) {
      TlsStream secure(stream, *tls_);
      stream.expires_after(options_.handshake_time);
      auto [error] = co_await secure.async_handshake(asio::ssl::stream_base::server, kTuple);
      if (error) {
        ++counters_.failed_handshakes;
      } else {
        peer.certificate = inside::peer_certificate(secure.native_handle());
        co_await converse(secure, stream, peer, place);
        // Says goodbye and waits a moment for the peer's.
        stream.expires_after(std::chrono::milliseconds(stopping_ ? 50 : 1000));
        [[maybe_unused]] auto [ignored] = co_await secure.async_shutdown(kTuple);
      }
    } else {
      co_await converse(stream, stream, peer, place);
    }
    error_code ignored;
    (void)stream.socket().shutdown(asio::socket_base::shutdown_both, ignored);
  }

  // Requests and answers on one connection until either side has enough.
  template <class Channel>
  Task<void> converse(Channel& channel, Stream& stream, const Peer& peer, Place place) {
    beast::flat_buffer buffer(options_.max_header + (64U << 10));
    for (bool keep_alive = true; keep_alive && !stopping_;) {
      if (buffer.size() == 0) {
        stream.expires_after(options_.idle_time);
        auto [error, count] = co_await channel.async_read_some(buffer.prepare(4096), kTuple);
        if (error) co_return;
        buffer.commit(count);
      }
      place->working = true;
      http::request_parser<http::string_body> parser;
      parser.header_limit(static_cast<std::uint32_t>(options_.max_header));
      parser.body_limit(options_.max_body);
      stream.expires_after(options_.header_time);
      {
        auto [error, count] = co_await http::async_read_header(channel, buffer, parser, kTuple);
        if (error) {
          co_await refuse(channel, stream, error);
          co_return;
        }
      }
      if (!parser.is_done()) {
        if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
          static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
          stream.expires_after(options_.write_time);
          auto [error, count] = co_await asio::async_write(channel, asio::buffer(kContinue), kTuple);
          if (error) co_return;
        }
        stream.expires_after(options_.body_time);
        auto [error, count] = co_await http::async_read(channel, buffer, parser, kTuple);
        if (error) {
          co_await refuse(channel, stream, error);
          co_return;
        }
      }
      ++counters_.requests;
      keep_alive = parser.get().keep_alive();
      const bool head_only = parser.get().method() == http::verb::head;
      base::Result<Request> request = take(parser.release(), peer);
      Response response;
      if (!request) {
        ++counters_.malformed;
        response = error_response(request.error());
      } else {
        stream.expires_never();
        auto question = std::make_shared<const Request>(std::move(*request));
        std::optional<Response> answer = co_await work(std::move(question));
        if (answer) {
          response = std::move(*answer);
        } else {
          ++counters_.timed_out;
          keep_alive = false;
          response = error_response({base::Errc::timed_out, "the answer takes too long"});
        }
      }
      keep_alive = keep_alive && !stopping_;
      const std::string head = head_of(response, keep_alive);
      const std::array<asio::const_buffer, 2> parts{asio::buffer(head),
                                                    head_only ? asio::const_buffer() : asio::buffer(response.body)};
      stream.expires_after(options_.write_time);
      auto [error, count] = co_await asio::async_write(channel, parts, kTuple);
      if (error) co_return;
      place->working = false;
    }
  }

  static base::Result<Request> take(http::request<http::string_body> message, const Peer& peer) {
    Request request;
    request.method = std::string(message.method_string());
    auto target = TRY(split_target({message.target().data(), message.target().size()}));
    request.path = std::move(target.first);
    request.query = std::move(target.second);
    for (const auto& field : message)
      request.headers.push_back({std::string(field.name_string()), std::string(field.value())});
    request.body = std::move(message.body());
    request.peer = peer;
    return request;
  }

  // Runs the handler on a worker and waits for its answer, at most handler_time; none after that. The timer is the signal.
  Task<std::optional<Response>> work(std::shared_ptr<const Request> request) {
    struct Job {
      explicit Job(asio::io_context& io) : done(io) {}
      asio::steady_timer done;
      std::optional<Response> response;  // touched on the I/O thread alone
    };
    const auto job = std::make_shared<Job>(io_);
    job->done.expires_after(options_.handler_time);
    asio::post(workers_, [this, job, request] {
      Response response;
      try {
        response = handler_(*request);
      } catch (...) {
        response = error_response({base::Errc::internal, "the request could not be answered"});
      }
      asio::post(io_, [job, response = std::move(response)]() mutable {
        job->response = std::move(response);
        job->done.cancel();
      });
    });
    [[maybe_unused]] auto [ignored] = co_await job->done.async_wait(kTuple);
    co_return std::move(job->response);
  }

  template <class Channel>
  Task<void> refuse(Channel& channel, Stream& stream, error_code error) {
    Response response;
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      ++counters_.too_large;
      response = error_response(
          {base::Errc::too_large, fmt::format("a request header may be {} bytes long", options_.max_header)});
      response.status = 431;
    } else if (error == http::error::body_limit) {
      ++counters_.too_large;
      response = error_response(
          {base::Errc::too_large, fmt::format("a request body may be {} bytes long", options_.max_body)});
    } else if (error == beast::error::timeout) {
      ++counters_.timed_out;
      co_return;  // its socket is closed already
    } else if (error.category() == make_error_code(http::error::bad_target).category()) {
      if (error == http::error::end_of_stream) co_return;
      ++counters_.malformed;
      response = error_response({base::Errc::malformed, "not an HTTP request: " + error.message()});
    } else {
      co_return;  // the peer went away
    }
    const std::string answer = head_of(response, false) + response.body;
    stream.expires_after(std::chrono::seconds(2));
    auto [failed, count] = co_await asio::async_write(channel, asio::buffer(answer), kTuple);
    if (failed) co_return;
    // Read on a little, so that closing with unread bytes does not throw our answer away at the peer's.
    std::array<char, 4096> rest;
    for (std::size_t total = 0; total < (256U << 10);) {
      stream.expires_after(std::chrono::milliseconds(500));
      auto [over, more] = co_await channel.async_read_some(asio::buffer(rest), kTuple);
      if (over) co_return;
      total += more;
    }
  }

  ServerOptions options_;
  Handler handler_;
  ServerCounters counters_;
  bool unix_socket_ = false;
  std::uint16_t port_ = 0;
  std::string socket_file_;
  std::optional<asio::ssl::context> tls_;
  asio::thread_pool workers_;
  // On the I/O thread alone from here; io_ goes first of all (with the coroutines that it holds), then what they used.
  std::list<Connection> connections_;
  bool stopping_ = false;
  asio::io_context io_{1};
  Acceptor acceptor_{io_};
  asio::steady_timer stop_timer_{io_};
  std::thread thread_;
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() = default;

base::Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Handler handler) {
  auto state = std::make_unique<State>(std::move(options), std::move(handler));
  TRY_VOID(state->open());
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

std::uint16_t Server::port() const { return state_->port(); }
const ServerCounters& Server::counters() const { return state_->counters(); }
void Server::stop() { state_->stop(); }

}  // namespace hinomi::net
