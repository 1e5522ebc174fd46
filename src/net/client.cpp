#include <hinomi/net/client.hpp>

#include <hinomi/base/escape.hpp>
#include <hinomi/base/file.hpp>
#include <hinomi/net/inside/tls.hpp>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <fmt/format.h>

#include <openssl/err.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace hinomi::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Protocol = asio::generic::stream_protocol;
using Stream = beast::basic_stream<Protocol>;
using TlsStream = asio::ssl::stream<Stream&>;
using Parser = http::response_parser<http::string_body>;
template <class T>
using Task = asio::awaitable<T>;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

bool has_control(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  return false;
}

base::Error lost(error_code error, std::string_view step) {
  if (error == beast::error::timeout) return {base::Errc::timed_out, fmt::format("{}: no progress in time", step)};
  return {base::Errc::unavailable, fmt::format("{}: {}", step, error.message())};
}

base::Error bad_answer(error_code error) {
  if (error == http::error::header_limit || error == http::error::body_limit || error == http::error::buffer_overflow)
    return {base::Errc::too_large, "the answer is over its limit"};
  if (error == http::error::end_of_stream || error == http::error::partial_message)
    return {base::Errc::unavailable, "the connection was closed before the whole answer"};
  if (error.category() == make_error_code(http::error::bad_target).category())
    return {base::Errc::malformed, "not an HTTP answer: " + error.message()};
  // TLS 1.3: that our certificate was refused shows on the first read.
  if (error.category() == asio::error::get_ssl_category()) {
    const int reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
    if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
      const int alert = reason - SSL_AD_REASON_OFFSET;
      if ((alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_ACCESS_DENIED) ||
          alert == 116 /* certificate_required, RFC 8446 6.2 */)
        return {base::Errc::forbidden,
                fmt::format("the peer refused our certificate ({})", SSL_alert_desc_string_long(alert))};
    }
  }
  return lost(error, "waiting for the answer");
}

}  // namespace

class Client::State {
 public:
  explicit State(ClientOptions options) : options_(std::move(options)) {}

  ~State() { close(); }

  base::Status prepare() {
    target_ = TRY(Address::parse(options_.url));
    if (target_.scheme == Address::Scheme::plain)
      return base::fail(base::Errc::invalid_argument, fmt::format("'{}': write https:// or unix:", options_.url));
    if (target_.scheme == Address::Scheme::http && target_.host != "localhost" && target_.host != "::1" &&
        !target_.host.starts_with("127."))
      return base::fail(base::Errc::invalid_argument,
                        fmt::format("'{}': without TLS only to loopback addresses", options_.url));
    if (target_.scheme == Address::Scheme::https) {
      expectation_.ca_pem = options_.ca_pem;
      expectation_.ca_sha256 = options_.ca_sha256;
      inside::Context context =
          TRY(inside::make_client_context({options_.certificate_pem, options_.key_pem}, expectation_));
      tls_.emplace(context.release());
    }
    if (options_.proxy) {
      proxy_ = TRY(Address::parse(options_.proxy->url));
      if (proxy_->scheme != Address::Scheme::http)
        return base::fail(base::Errc::invalid_argument,
                          fmt::format("proxy '{}': write http://host:port", options_.proxy->url));
      if (target_.scheme != Address::Scheme::https)
        return base::fail(base::Errc::invalid_argument, "a proxy is used for https alone");
      if (has_control(options_.proxy->credentials))
        return base::fail(base::Errc::invalid_argument, "proxy credentials: control characters");
    }
    return {};
  }

  base::Result<Response> send(const Request& request) {
    std::string head = fmt::format("{} {}{}{} HTTP/1.1\r\nHost: {}\r\n", request.method, request.path,
                                   request.query.empty() ? "" : "?", request.query,
                                   target_.scheme == Address::Scheme::unix_socket ? "localhost" : target_.authority());
    bool good = !has_control(request.method) && !has_control(request.path) && !has_control(request.query) &&
                request.path.find(' ') == std::string::npos && request.query.find(' ') == std::string::npos;
    for (const Header& header : request.headers) {
      good = good && !has_control(header.name) && !has_control(header.value);
      head += header.name + ": " + header.value + "\r\n";
    }
    if (!good)
      return base::fail(base::Errc::invalid_argument, "request: control characters or spaces where none may be");
    if (!request.body.empty() || request.method == "POST" || request.method == "PUT")
      head += fmt::format("Content-Length: {}\r\n", request.body.size());
    head += "\r\n";

    drop_if_stale();
    std::optional<base::Result<Response>> answer;
    io_.restart();
    asio::co_spawn(io_, exchange(head, request.body, request.method == "HEAD"),
                   [&answer](const std::exception_ptr& exception, base::Result<Response> result) {
                     if (exception) answer = base::fail(base::Errc::internal, "the exchange ended with an exception");
                     else answer = std::move(result);
                   });
    io_.run();
    last_use_ = std::chrono::steady_clock::now();
    if (!*answer) close();
    return std::move(*answer);
  }

  std::string group;
  inside::Expectation expectation_;

 private:
  void close() {
    secure_.reset();
    stream_.reset();
    buffer_.clear();
  }

  // A kept connection that the peer has closed meanwhile, or that says something unasked, is not used again.
  void drop_if_stale() {
    if (!stream_) return;
    char byte = 0;
    const ssize_t count = ::recv(stream_->socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    const bool quiet = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (!quiet || std::chrono::steady_clock::now() - last_use_ > options_.keep_time) close();
  }

  Task<base::Status> connect() {
    stream_.emplace(io_);
    if (target_.scheme == Address::Scheme::unix_socket) {
      const asio::local::stream_protocol::endpoint where(target_.path);
      stream_->expires_after(options_.connect_time);
      auto [error] = co_await stream_->async_connect(Protocol::endpoint(where), kTuple);
      if (error) co_return base::fail(lost(error, fmt::format("connecting to {}", options_.url)));
      co_return base::Status();
    }
    const Address& next = proxy_ ? *proxy_ : target_;
    const std::string what = proxy_ ? fmt::format("connecting to the proxy {}", next.authority())
                                    : fmt::format("connecting to {}", next.authority());
    std::vector<asio::ip::tcp::endpoint> found;
    error_code not_an_address;
    const asio::ip::address address = asio::ip::make_address(next.host, not_an_address);
    if (!not_an_address) {
      found.emplace_back(address, next.port);
    } else {
      asio::ip::tcp::resolver resolver(io_);
      auto [unknown, names] = co_await resolver.async_resolve(next.host, std::to_string(next.port), kTuple);
      if (unknown) co_return base::fail(base::Errc::unavailable, fmt::format("{}: {}", what, unknown.message()));
      for (const auto& one : names) found.push_back(one.endpoint());
    }
    base::Error last{base::Errc::unavailable, what + ": no address"};
    bool connected = false;
    for (const auto& one : found) {
      stream_.emplace(io_);
      stream_->expires_after(options_.connect_time);
      auto [error] = co_await stream_->async_connect(Protocol::endpoint(one), kTuple);
      connected = !error;
      if (connected) break;
      last = lost(error, what);
    }
    if (!connected) co_return base::fail(last);
    const int on = 1;
    ::setsockopt(stream_->socket().native_handle(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
    if (target_.scheme != Address::Scheme::https) co_return base::Status();
    if (proxy_) {
      base::Status through = co_await tunnel();
      if (!through) co_return through;
    }
    base::Status safe = co_await handshake();
    co_return safe;
  }

  // RFC 9110 9.3.6.
  Task<base::Status> tunnel() {
    std::string head = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", target_.authority());
    if (!options_.proxy->credentials.empty())
      head += fmt::format("Proxy-Authorization: Basic {}\r\n", base::to_base64(options_.proxy->credentials));
    head += "\r\n";
    const std::string what = fmt::format("proxy {}", proxy_->authority());
    stream_->expires_after(options_.connect_time);
    {
      auto [error, count] = co_await asio::async_write(*stream_, asio::buffer(head), kTuple);
      if (error) co_return base::fail(lost(error, what));
    }
    http::response_parser<http::empty_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(options_.max_header));
    parser.skip(true);
    {
      auto [error, count] = co_await http::async_read_header(*stream_, buffer_, parser, kTuple);
      if (error) co_return base::fail(bad_answer(error).within(what));
    }
    const unsigned status = parser.get().result_int();
    if (status == 407)
      co_return base::fail(base::Errc::unauthenticated, options_.proxy->credentials.empty()
                                                            ? what + ": wants a name and a password (407)"
                                                            : what + ": does not accept our name and password (407)");
    if (status != 200)
      co_return base::fail(base::Errc::unavailable,
                           fmt::format("{}: answers {} to CONNECT {}", what, status, target_.authority()));
    if (buffer_.size() != 0)
      co_return base::fail(base::Errc::malformed, what + ": sends bytes of its own into the tunnel");
    co_return base::Status();
  }

  Task<base::Status> handshake() {
    secure_.emplace(*stream_, *tls_);
    base::Status named = inside::expect_name(secure_->native_handle(),
                                             options_.server_name.empty() ? target_.host : options_.server_name);
    if (!named) co_return named;
    expectation_.found.clear();
    expectation_.foreign = false;
    stream_->expires_after(options_.connect_time);
    auto [error] = co_await secure_->async_handshake(asio::ssl::stream_base::client, kTuple);
    if (error && expectation_.foreign)
      co_return base::fail(base::Errc::unauthenticated,
                           fmt::format("{0} answers with a certificate of another issuer, '{1}', not of the expected "
                                       "CA: if that is a proxy that "
                                       "opens TLS, ask its administrator to exempt {0}; nothing was sent",
                                       target_.authority(), expectation_.found));
    if (error && !expectation_.found.empty())
      co_return base::fail(base::Errc::unauthenticated, fmt::format("{}: certificate: {}; nothing was sent",
                                                                    target_.authority(), expectation_.found));
    if (error) co_return base::fail(lost(error, fmt::format("TLS with {}", target_.authority())));
    group = inside::group_of(secure_->native_handle());
    co_return base::Status();
  }

  Task<base::Result<Response>> exchange(std::string head, std::string body, bool head_only) {
    if (!stream_) {
      base::Status connected = co_await connect();
      if (!connected) co_return base::fail(connected.error());
    }
    if (secure_) {
      base::Result<Response> answer = co_await converse(*secure_, std::move(head), std::move(body), head_only);
      co_return answer;
    }
    base::Result<Response> answer = co_await converse(*stream_, std::move(head), std::move(body), head_only);
    co_return answer;
  }

  template <class Channel>
  Task<base::Result<Response>> converse(Channel& channel, std::string head, std::string body, bool head_only) {
    stream_->expires_after(options_.write_time);
    const std::array<asio::const_buffer, 2> parts{asio::buffer(head), asio::buffer(body)};
    error_code not_written;
    {
      auto [error, count] = co_await asio::async_write(channel, parts, kTuple);
      not_written = error;
    }
    if (not_written == beast::error::timeout) co_return base::fail(lost(not_written, "sending the request"));
    // A peer that refuses early (a body over its limit) may have answered before it closed: read even if writing failed.
    std::optional<Parser> parser;
    unsigned status = 100;
    while (status < 200) {
      parser.emplace();
      parser->header_limit(static_cast<std::uint32_t>(options_.max_header));
      parser->body_limit(options_.max_body);
      parser->skip(head_only);
      stream_->expires_after(options_.answer_time);
      auto [error, count] = co_await http::async_read_header(channel, buffer_, *parser, kTuple);
      if (error && not_written && error.category() != asio::error::get_ssl_category())
        co_return base::fail(lost(not_written, "sending the request"));
      if (error) co_return base::fail(bad_answer(error));
      status = parser->get().result_int();
    }
    if (!parser->is_done()) {
      stream_->expires_after(options_.answer_time);
      auto [error, count] = co_await http::async_read(channel, buffer_, *parser, kTuple);
      if (error) co_return base::fail(bad_answer(error));
    }
    stream_->expires_never();
    const bool keep = parser->keep_alive() && !not_written && buffer_.size() == 0;
    http::response<http::string_body> message = parser->release();
    Response response;
    response.status = static_cast<int>(message.result_int());
    for (const auto& field : message)
      response.headers.push_back({std::string(field.name_string()), std::string(field.value())});
    response.body = std::move(message.body());
    if (!keep) close();
    co_return response;
  }

  ClientOptions options_;
  Address target_;
  std::optional<Address> proxy_;
  std::optional<asio::ssl::context> tls_;
  asio::io_context io_{1};
  std::optional<Stream> stream_;
  std::optional<TlsStream> secure_;
  beast::flat_buffer buffer_;
  std::chrono::steady_clock::time_point last_use_;
};

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::~Client() = default;

base::Result<std::unique_ptr<Client>> Client::create(ClientOptions options) {
  auto state = std::make_unique<State>(std::move(options));
  TRY_VOID(state->prepare());
  return std::unique_ptr<Client>(new Client(std::move(state)));
}

base::Result<Response> Client::send(const Request& request) { return state_->send(request); }
std::string Client::negotiated_group() const { return state_->group; }
std::string Client::peer_ca_pem() const { return state_->expectation_.ca; }

base::Result<std::string> read_proxy_credentials(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return base::fail(base::error_from_errno(errno, path));
  if ((status.st_mode & 077) != 0)
    return base::fail(base::Errc::forbidden, path + ": others may read it; its mode must be 0600");
  std::string text = TRY(base::read_file(path, 4096));
  text = text.substr(0, text.find('\n'));
  if (!text.empty() && text.back() == '\r') text.pop_back();
  if (text.find(':') == std::string::npos)
    return base::fail(base::Errc::malformed, path + ": needs one line, user:password");
  return text;
}

}  // namespace hinomi::net
