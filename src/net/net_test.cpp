#include <hinomi/net/client.hpp>
#include <hinomi/net/server.hpp>

#include <hinomi/base/digest.hpp>
#include <hinomi/base/file.hpp>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace hinomi::net {
namespace {

using namespace std::chrono_literals;

// A certificate authority of the test, and what it issues.
struct Issued {
  std::string certificate;
  std::string key;
};

class TestCa {
 public:
  explicit TestCa(const std::string& name) : key_(EVP_EC_gen("P-256")) {
    self_ = make(name, "", "", key_, nullptr, 3600, true);
  }
  ~TestCa() {
    X509_free(self_);
    EVP_PKEY_free(key_);
  }
  TestCa(const TestCa&) = delete;
  TestCa& operator=(const TestCa&) = delete;

  [[nodiscard]] std::string pem() const { return pem_of(self_); }
  [[nodiscard]] std::string sha256() const {
    unsigned char* der = nullptr;
    const int size = i2d_X509(self_, &der);
    const std::string hex = base::sha256({reinterpret_cast<char*>(der), static_cast<std::size_t>(size)}).hex();
    OPENSSL_free(der);
    return hex;
  }
  // `lifetime` in seconds from now; negative: expired an hour after it began.
  [[nodiscard]] Issued issue(const std::string& name, const std::string& alternative, long lifetime = 3600) const {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = make(name, "city-hall", alternative, key, self_, lifetime, false);
    Issued out{pem_of(certificate) + pem(), ""};
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    out.key = text_of(bio);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return out;
  }

 private:
  static std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string out(data, static_cast<std::size_t>(size));
    BIO_free_all(bio);
    return out;
  }
  static std::string pem_of(X509* certificate) {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    return text_of(bio);
  }
  X509* make(const std::string& name, const std::string& organisation, const std::string& alternative, EVP_PKEY* key,
             X509* issuer, long lifetime, bool authority) const {
    X509* out = X509_new();
    X509_set_version(out, X509_VERSION_3);
    ASN1_INTEGER_set_int64(X509_get_serialNumber(out), authority ? 1 : 0xabc123);
    X509_gmtime_adj(X509_getm_notBefore(out), -7200);
    X509_gmtime_adj(X509_getm_notAfter(out), lifetime < 0 ? -3600 : lifetime);
    X509_NAME* subject = X509_get_subject_name(out);
    const auto add = [&](const char* field, const std::string& value) {
      if (!value.empty())
        X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.c_str()),
                                   -1, -1, 0);
    };
    add("O", organisation);
    add("CN", name);
    X509_set_issuer_name(out, issuer ? X509_get_subject_name(issuer) : subject);
    X509_set_pubkey(out, key);
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer ? issuer : out, out, nullptr, nullptr, 0);
    const auto extend = [&](int nid, const std::string& value) {
      X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
      X509_add_ext(out, extension, -1);
      X509_EXTENSION_free(extension);
    };
    if (authority) extend(NID_basic_constraints, "critical,CA:TRUE");
    if (!alternative.empty()) extend(NID_subject_alt_name, alternative);
    X509_sign(out, key_, EVP_sha256());
    return out;
  }

  EVP_PKEY* key_;
  X509* self_ = nullptr;
};

// What the fixtures of most tests need: a CA, a door that echoes, and the way to it.
class Net : public testing::Test {
 protected:
  static const TestCa& ca() {
    static const TestCa authority("Hinomi test CA");
    return authority;
  }
  static ServerOptions tls_door(ClientCertificates clients = ClientCertificates::none) {
    const Issued issued = ca().issue("server", "DNS:localhost,IP:127.0.0.1");
    ServerOptions options;
    options.address = "127.0.0.1:0";
    options.tls = ServerTls{issued.certificate, issued.key, clients, ca().pem()};
    options.workers = 2;
    return options;
  }
  static std::unique_ptr<Server> start(ServerOptions options, Handler handler = {}) {
    if (!handler)
      handler = [](const Request& request) {
        return Response{200, {{"X-Path", request.path}}, request.method + " " + request.body};
      };
    auto server = Server::start(std::move(options), std::move(handler));
    EXPECT_TRUE(server.has_value()) << (server ? "" : server.error().what);
    return std::move(*server);
  }
  static ClientOptions to(const Server& server) {
    ClientOptions options;
    options.url = fmt::format("https://127.0.0.1:{}", server.port());
    options.ca_pem = ca().pem();
    options.connect_time = 5s;
    options.answer_time = 5s;
    return options;
  }
  static base::Result<Response> ask(ClientOptions options, const Request& request = {}) {
    auto client = Client::create(std::move(options));
    if (!client) return base::fail(client.error());
    return (*client)->send(request);
  }
};

// A plain connection that does what no honest client does.
class Raw {
 public:
  explicit Raw(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
  }
  [[nodiscard]] bool connected() const { return connected_; }
  void say(std::string_view text) const { (void)!::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL); }
  void half_close() const { ::shutdown(socket_.get(), SHUT_WR); }
  // Everything until the other side closes; at most five seconds without a byte.
  [[nodiscard]] std::string hear() const {
    std::string out;
    pollfd poll{socket_.get(), POLLIN, 0};
    char bytes[4096];
    while (::poll(&poll, 1, 5000) == 1) {
      const ssize_t count = ::recv(socket_.get(), bytes, sizeof bytes, 0);
      if (count <= 0) return out;
      out.append(bytes, static_cast<std::size_t>(count));
    }
    return out + "(still open)";
  }

 private:
  base::Descriptor socket_;
  bool connected_ = false;
};

TEST_F(Net, a_request_goes_over_tls_and_back_and_the_connection_is_kept) {
  const auto server = start(tls_door());
  auto client = Client::create(to(*server)).value();
  for (int i = 0; i < 3; ++i) {
    const auto answer =
        client->send({.method = "POST", .path = "/a%20b", .query = "x=1", .body = std::string(100'000, 'b')});
    ASSERT_TRUE(answer.has_value()) << answer.error().what;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->header("x-path"), "/a b");
    EXPECT_EQ(answer->body, "POST " + std::string(100'000, 'b'));
  }
  EXPECT_EQ(server->counters().connections, 1U);
  EXPECT_EQ(server->counters().requests, 3U);
  EXPECT_FALSE(client->negotiated_group().empty());
}

TEST_F(Net, the_ca_may_be_known_by_its_digest_alone) {
  const auto server = start(tls_door());
  ClientOptions options = to(*server);
  options.ca_pem.clear();
  options.ca_sha256 = ca().sha256();
  auto client = Client::create(options).value();
  const auto answer = client->send({});
  ASSERT_TRUE(answer.has_value()) << answer.error().what;
  EXPECT_EQ(client->peer_ca_pem(), ca().pem());
}

TEST_F(Net, another_issuer_is_named_and_gets_no_byte) {
  const TestCa proxy_ca("Inspection Proxy Root");
  const Issued forged = proxy_ca.issue("127.0.0.1", "IP:127.0.0.1");
  ServerOptions door = tls_door();
  door.tls->certificate_pem = forged.certificate;
  door.tls->key_pem = forged.key;
  const auto server = start(door);
  ClientOptions by_pem = to(*server);
  ClientOptions by_digest = to(*server);
  by_digest.ca_pem.clear();
  by_digest.ca_sha256 = ca().sha256();
  for (const ClientOptions& options : {by_pem, by_digest}) {
    const auto answer = ask(options);
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, base::Errc::unauthenticated);
    EXPECT_NE(answer.error().what.find("Inspection Proxy Root"), std::string::npos) << answer.error().what;
    EXPECT_NE(answer.error().what.find("exempt"), std::string::npos);
  }
  EXPECT_EQ(server->counters().requests, 0U);
}

TEST_F(Net, a_pinned_ca_that_is_sent_along_but_did_not_sign_does_not_help) {
  const TestCa other("Other");
  const Issued forged = other.issue("127.0.0.1", "IP:127.0.0.1");
  ServerOptions door = tls_door();
  door.tls->certificate_pem = forged.certificate + ca().pem();
  door.tls->key_pem = forged.key;
  const auto server = start(door);
  ClientOptions options = to(*server);
  options.ca_pem.clear();
  options.ca_sha256 = ca().sha256();
  EXPECT_EQ(ask(options).error().code, base::Errc::unauthenticated);
  EXPECT_EQ(server->counters().requests, 0U);
}

TEST_F(Net, a_server_certificate_for_another_name_or_out_of_date_is_refused) {
  ServerOptions other_name = tls_door();
  const Issued named = ca().issue("elsewhere", "DNS:elsewhere.example");
  other_name.tls->certificate_pem = named.certificate;
  other_name.tls->key_pem = named.key;
  const auto first = start(other_name);
  EXPECT_EQ(ask(to(*first)).error().code, base::Errc::unauthenticated);
  ServerOptions old = tls_door();
  const Issued expired = ca().issue("server", "IP:127.0.0.1", -1);
  old.tls->certificate_pem = expired.certificate;
  old.tls->key_pem = expired.key;
  const auto second = start(old);
  const auto answer = ask(to(*second));
  EXPECT_EQ(answer.error().code, base::Errc::unauthenticated);
  EXPECT_NE(answer.error().what.find("expired"), std::string::npos) << answer.error().what;
}

TEST_F(Net, a_client_certificate_is_read_into_the_peer) {
  std::mutex mutex;
  Peer seen;
  const auto server = start(tls_door(ClientCertificates::required), [&](const Request& request) {
    const std::scoped_lock lock(mutex);
    seen = request.peer;
    return Response{};
  });
  const Issued issued = ca().issue("sensor-1", "URI:hinomi://city-hall/staff-pcs/1");
  ClientOptions options = to(*server);
  options.certificate_pem = issued.certificate;
  options.key_pem = issued.key;
  const auto answer = ask(options);
  ASSERT_TRUE(answer.has_value()) << answer.error().what;
  const std::scoped_lock lock(mutex);
  ASSERT_TRUE(seen.certificate.has_value());
  EXPECT_EQ(seen.certificate->common_name, "sensor-1");
  EXPECT_EQ(seen.certificate->organisation, "city-hall");
  EXPECT_EQ(seen.certificate->uris, std::vector<std::string>{"hinomi://city-hall/staff-pcs/1"});
  EXPECT_EQ(seen.certificate->serial, "abc123");
  EXPECT_GT(seen.certificate->not_after, seen.certificate->not_before);
  EXPECT_EQ(seen.address, "127.0.0.1");
}

TEST_F(Net, without_a_client_certificate_or_with_a_wrong_one_the_door_stays_shut) {
  const auto server = start(tls_door(ClientCertificates::required));
  EXPECT_EQ(ask(to(*server)).error().code, base::Errc::forbidden) << ask(to(*server)).error().what;
  const TestCa other("Other");
  for (const Issued& issued : {other.issue("sensor-1", ""), ca().issue("sensor-1", "", -1)}) {
    ClientOptions options = to(*server);
    options.certificate_pem = issued.certificate;
    options.key_pem = issued.key;
    const auto answer = ask(options);
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, base::Errc::forbidden) << answer.error().what;
  }
  EXPECT_EQ(server->counters().requests, 0U);
}

TEST_F(Net, an_optional_client_certificate_may_be_missing_but_not_wrong) {
  const auto server = start(tls_door(ClientCertificates::optional), [](const Request& request) {
    return Response{request.peer.certificate ? 200 : 201, {}, ""};
  });
  EXPECT_EQ(ask(to(*server)).value().status, 201);
  const TestCa other("Other");
  const Issued issued = other.issue("sensor-1", "");
  ClientOptions options = to(*server);
  options.certificate_pem = issued.certificate;
  options.key_pem = issued.key;
  EXPECT_EQ(ask(options).error().code, base::Errc::forbidden);
}

ServerOptions plain_door() {
  ServerOptions options;
  options.address = "127.0.0.1:0";
  options.workers = 2;
  return options;
}

TEST_F(Net, bodies_and_headers_over_their_limit_are_refused_by_name) {
  ServerOptions options = tls_door();
  options.max_body = 1000;
  const auto server = start(options);
  const auto body = ask(to(*server), {.method = "POST", .body = std::string(1001, 'x')});
  ASSERT_TRUE(body.has_value()) << body.error().what;
  EXPECT_EQ(body->status, 413);
  const auto large = ask(to(*server), {.method = "POST", .body = std::string(200'000, 'x')});
  ASSERT_TRUE(large.has_value()) << large.error().what;
  EXPECT_EQ(large->status, 413);
  const auto header = ask(to(*server), {.headers = {{"X-Long", std::string(20'000, 'x')}}});
  ASSERT_TRUE(header.has_value()) << header.error().what;
  EXPECT_EQ(header->status, 431);
  EXPECT_EQ(server->counters().too_large, 3U);
  EXPECT_EQ(server->counters().requests, 0U);
}

TEST_F(Net, a_chunked_body_is_limited_as_well) {
  ServerOptions options = plain_door();
  options.max_body = 10;
  const auto server = start(options);
  const Raw raw(server->port());
  raw.say(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n");
  EXPECT_TRUE(raw.hear().starts_with("HTTP/1.1 413"));
}

TEST_F(Net, what_is_not_http_gets_400_and_a_smuggled_length_too) {
  const auto server = start(plain_door());
  for (const char* bad :
       {"hello\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /../etc/passwd HTTP/1.1\r\nConnection: close\r\n\r\n", "GET /%00 HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET http://other/ HTTP/1.1\r\nConnection: close\r\n\r\n"}) {
    const Raw raw(server->port());
    raw.say(bad);
    const std::string answer = raw.hear();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400")) << bad << answer;
  }
  EXPECT_EQ(server->counters().malformed, 5U);
}

TEST_F(Net, who_sends_a_header_byte_by_byte_or_nothing_is_cut_off) {
  ServerOptions options = plain_door();
  options.header_time = 100ms;
  options.idle_time = 100ms;
  options.body_time = 100ms;
  const auto server = start(options);
  const Raw loris(server->port());
  const Raw silent(server->port());
  const Raw stuck(server->port());
  loris.say("GET / HT");
  stuck.say("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nfew");
  EXPECT_EQ(loris.hear(), "");
  EXPECT_EQ(silent.hear(), "");
  EXPECT_EQ(stuck.hear(), "");
  server->stop();  // the socket closes a moment before it is counted
  EXPECT_EQ(server->counters().timed_out, 2U);
}

TEST_F(Net, a_peer_that_closes_its_half_still_gets_its_answer) {
  const auto server = start(plain_door());
  const Raw raw(server->port());
  raw.say("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  raw.half_close();
  const std::string answer = raw.hear();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\nX-Path: /x\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nGET ")) << answer;
}

TEST_F(Net, two_requests_sent_at_once_are_answered_in_order) {
  const auto server = start(plain_door());
  const Raw raw(server->port());
  raw.say(
      "POST /1 HTTP/1.1\r\nContent-Length: 1\r\n\r\naPOST /2 HTTP/1.1\r\nContent-Length: 1\r\nConnection: "
      "close\r\n\r\nb");
  const std::string answer = raw.hear();
  EXPECT_LT(answer.find("POST a"), answer.find("POST b"));
  EXPECT_NE(answer.find("POST b"), std::string::npos);
}

TEST_F(Net, a_handler_that_throws_or_takes_too_long_costs_one_answer_only) {
  std::mutex mutex;
  std::condition_variable go;
  bool released = false;
  ServerOptions options = plain_door();
  options.handler_time = 100ms;
  const auto server = start(options, [&](const Request& request) -> Response {
    if (request.path == "/throw") throw std::runtime_error("secret detail");
    if (request.path == "/slow") {
      std::unique_lock lock(mutex);
      go.wait(lock, [&] { return released; });
    }
    return {};
  });
  ClientOptions client;
  client.url = fmt::format("http://127.0.0.1:{}", server->port());
  const auto thrown = ask(client, {.path = "/throw"});
  ASSERT_TRUE(thrown.has_value()) << thrown.error().what;
  EXPECT_EQ(thrown->status, 500);
  EXPECT_EQ(thrown->body.find("secret"), std::string::npos);
  EXPECT_EQ(ask(client, {.path = "/slow"}).value().status, 503);
  {
    const std::scoped_lock lock(mutex);
    released = true;
  }
  go.notify_all();
  EXPECT_EQ(ask(client).value().status, 200);
}

TEST_F(Net, answer_headers_cannot_be_split) {
  const auto server = start(
      plain_door(), [](const Request&) { return Response{200, {{"X-A", "1\r\nX-Evil: 2"}, {"Bad Name", "x"}}, ""}; });
  const Raw raw(server->port());
  raw.say("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string answer = raw.hear();
  EXPECT_EQ(answer.find("\nX-Evil"), std::string::npos);
  EXPECT_EQ(answer.find("Bad Name"), std::string::npos);
}

TEST_F(Net, connections_over_the_limit_are_closed_and_counted) {
  ServerOptions options = plain_door();
  options.max_connections = 1;
  const auto server = start(options);
  const Raw first(server->port());
  first.say("GET / HTTP/1.1\r\n");
  const Raw second(server->port());
  EXPECT_EQ(second.hear(), "");
  EXPECT_EQ(server->counters().refused_connections, 1U);
}

TEST_F(Net, stop_lets_a_request_in_work_finish_and_closes_idle_connections) {
  std::mutex mutex;
  std::condition_variable change;
  bool inside = false;
  bool released = false;
  auto server = start(plain_door(), [&](const Request&) {
    std::unique_lock lock(mutex);
    inside = true;
    change.notify_all();
    change.wait(lock, [&] { return released; });
    return Response{200, {}, "finished"};
  });
  const Raw idle(server->port());
  const Raw busy(server->port());
  busy.say("GET / HTTP/1.1\r\n\r\n");
  {
    std::unique_lock lock(mutex);
    change.wait(lock, [&] { return inside; });
  }
  std::thread stopper([&] { server->stop(); });
  EXPECT_EQ(idle.hear(), "") << "closed by stop, not by the idle time of a minute";
  {
    const std::scoped_lock lock(mutex);
    released = true;
  }
  change.notify_all();
  EXPECT_TRUE(busy.hear().ends_with("finished"));
  stopper.join();
}

TEST_F(Net, a_unix_socket_says_who_asks_and_outlives_a_killed_owner) {
  const std::string path =
      (base::fs::temp_directory_path() / fmt::format("hinomi_net_test_{}.sock", ::getpid())).string();
  ServerOptions options;
  options.address = "unix:" + path;
  options.unix_mode = 0600;
  std::atomic<uid_t> uid = 12345;
  const auto handler = [&](const Request& request) {
    uid = request.peer.unix_uid.value_or(54321);
    return Response{200, {}, request.path};
  };
  {
    // As a killed process leaves it: the file is there, nobody listens.
    auto left = Server::start(options, handler).value();
    base::fs::rename(path, path + ".kept");
    left->stop();
    left.reset();
    base::fs::rename(path + ".kept", path);
  }
  const auto server = start(options, handler);
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ClientOptions client;
  client.url = "unix:" + path;
  const auto answer = ask(client, {.path = "/who"});
  ASSERT_TRUE(answer.has_value()) << answer.error().what;
  EXPECT_EQ(answer->body, "/who");
  EXPECT_EQ(uid, ::getuid());
  EXPECT_EQ(Server::start(options, handler).error().code, base::Errc::conflict) << "a second server on the same socket";
}

// A proxy that understands CONNECT and nothing else, for one connection.
class ConnectProxy {
 public:
  explicit ConnectProxy(std::string answer = "HTTP/1.1 200 Connection established\r\n\r\n")
      : answer_(std::move(answer)) {
    listener_ = base::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&where), size);
    ::listen(listener_.get(), 1);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&where), &size);
    port_ = ntohs(where.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~ConnectProxy() { join(); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  std::string asked;  // after join()

 private:
  void run() {
    const base::Descriptor in(::accept(listener_.get(), nullptr, nullptr));
    char byte = 0;
    while (!asked.ends_with("\r\n\r\n") && ::recv(in.get(), &byte, 1, 0) == 1) asked += byte;
    (void)!::send(in.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    const std::size_t colon = asked.find(':');
    if (answer_.find(" 200 ") == std::string::npos || colon == std::string::npos) return;
    const base::Descriptor out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<std::uint16_t>(std::stoi(asked.substr(colon + 1))));
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(out.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) return;
    pollfd both[2] = {{in.get(), POLLIN, 0}, {out.get(), POLLIN, 0}};
    while (::poll(both, 2, 10'000) > 0) {
      for (int i = 0; i < 2; ++i) {
        if (both[i].revents == 0) continue;
        char bytes[8192];
        const ssize_t count = ::recv(both[i].fd, bytes, sizeof bytes, 0);
        if (count <= 0) return;
        (void)!::send(both[1 - i].fd, bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL);
      }
    }
  }

  std::string answer_;
  base::Descriptor listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(Net, a_proxy_is_passed_by_connect_with_a_password_from_a_file) {
  const auto server = start(tls_door());
  const std::string file = (base::fs::temp_directory_path() / fmt::format("hinomi_net_proxy_{}", ::getpid())).string();
  ASSERT_TRUE(base::write_file(file, "user:pass word\n", base::Durability::renamed, 0644).has_value());
  EXPECT_EQ(read_proxy_credentials(file).error().code, base::Errc::forbidden);
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  ConnectProxy proxy;
  ClientOptions options = to(*server);
  options.proxy = Proxy{proxy.url(), read_proxy_credentials(file).value()};
  base::fs::remove(file);
  const auto answer = ask(options, {.path = "/through"});
  ASSERT_TRUE(answer.has_value()) << answer.error().what;
  EXPECT_EQ(answer->header("X-Path"), "/through");
  proxy.join();
  EXPECT_TRUE(proxy.asked.starts_with(fmt::format("CONNECT 127.0.0.1:{} HTTP/1.1\r\n", server->port()))) << proxy.asked;
  EXPECT_NE(proxy.asked.find("Proxy-Authorization: Basic " + base::to_base64("user:pass word") + "\r\n"),
            std::string::npos);
}

TEST_F(Net, a_proxy_that_refuses_is_named_and_its_password_is_not_shown) {
  for (const auto& [answer, code] :
       {std::pair{"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n", base::Errc::unauthenticated},
        std::pair{"HTTP/1.1 403 No\r\n\r\n", base::Errc::unavailable},
        std::pair{"nonsense\r\n\r\n", base::Errc::malformed},
        std::pair{"HTTP/1.1 200 OK\r\n\r\nextra", base::Errc::malformed}}) {
    ConnectProxy proxy(answer);
    ClientOptions options;
    options.url = "https://127.0.0.1:1";
    options.ca_pem = ca().pem();
    options.proxy = Proxy{proxy.url(), "user:hidden"};
    const auto got = ask(options);
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code, code) << got.error().what;
    EXPECT_NE(got.error().what.find("proxy 127.0.0.1:"), std::string::npos) << got.error().what;
    EXPECT_EQ(got.error().what.find("hidden"), std::string::npos);
  }
}

TEST_F(Net, a_peer_that_accepts_and_stays_silent_runs_into_the_deadline_of_the_step) {
  const base::Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  ::bind(listener.get(), reinterpret_cast<sockaddr*>(&where), size);
  ::listen(listener.get(), 4);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&where), &size);
  ClientOptions options;
  options.url = fmt::format("https://127.0.0.1:{}", ntohs(where.sin_port));
  options.ca_pem = ca().pem();
  options.connect_time = 100ms;
  options.answer_time = 100ms;
  const auto handshake = ask(options);
  EXPECT_EQ(handshake.error().code, base::Errc::timed_out);
  EXPECT_NE(handshake.error().what.find("TLS with"), std::string::npos) << handshake.error().what;
  options.url = fmt::format("http://127.0.0.1:{}", ntohs(where.sin_port));
  const auto answer = ask(options);
  EXPECT_EQ(answer.error().code, base::Errc::timed_out);
  EXPECT_NE(answer.error().what.find("waiting for the answer"), std::string::npos) << answer.error().what;
}

TEST_F(Net, an_answer_over_the_limit_is_refused) {
  const auto server = start(tls_door(), [](const Request&) { return Response{200, {}, std::string(2000, 'x')}; });
  ClientOptions options = to(*server);
  options.max_body = 1000;
  EXPECT_EQ(ask(options).error().code, base::Errc::too_large);
}

TEST_F(Net, a_kept_connection_that_the_server_closed_is_made_anew) {
  ServerOptions options = tls_door();
  options.idle_time = 50ms;
  options.handshake_time = 60ms;
  const auto server = start(options);
  auto client = Client::create(to(*server)).value();
  ASSERT_TRUE(client->send({}).has_value());
  // The server closes on its own; a second connection that stays silent, begun after ours idles, tells when.
  const Raw later(server->port());
  EXPECT_EQ(later.hear(), "");
  const auto again = client->send({});
  EXPECT_TRUE(again.has_value()) << again.error().what;
  EXPECT_EQ(server->counters().connections, 3U);
}

TEST_F(Net, requests_that_could_be_split_are_not_sent) {
  const auto server = start(tls_door());
  auto client = Client::create(to(*server)).value();
  EXPECT_EQ(client->send({.path = "/a b"}).error().code, base::Errc::invalid_argument);
  EXPECT_EQ(client->send({.headers = {{"X", "1\r\nY: 2"}}}).error().code, base::Errc::invalid_argument);
  EXPECT_EQ(server->counters().connections, 0U);
}

TEST_F(Net, doors_that_would_be_unsafe_do_not_open) {
  const auto handler = [](const Request&) { return Response{}; };
  ServerOptions open_to_all;
  open_to_all.address = "0.0.0.0:0";
  EXPECT_EQ(Server::start(open_to_all, handler).error().code, base::Errc::invalid_argument);
  ServerOptions bad_key = tls_door();
  bad_key.tls->key_pem = ca().issue("other", "").key;
  EXPECT_EQ(Server::start(bad_key, handler).error().code, base::Errc::malformed);
  const auto server = start(plain_door());
  ServerOptions taken;
  taken.address = fmt::format("127.0.0.1:{}", server->port());
  EXPECT_EQ(Server::start(taken, handler).error().code, base::Errc::conflict);
  ClientOptions clear;
  clear.url = "http://example.org";
  EXPECT_EQ(Client::create(clear).error().code, base::Errc::invalid_argument);
}

TEST(Target, splits_decodes_and_refuses) {
  EXPECT_EQ(split_target("/a%2Fb?c=%20").value(), std::pair(std::string("/a/b"), std::string("c=%20")));
  for (const char* bad : {"", "a", "/..", "/a/../b", "/%2e%2e/b", "/%0", "/%zz", "/./a", "*"})
    EXPECT_FALSE(split_target(bad).has_value()) << bad;
  EXPECT_EQ(split_target("/" + std::string(9000, 'a')).error().code, base::Errc::too_large);
  const Request request{.query = "match%5Bid%5D=a&match%5Bid%5D=b+c&flag&bad=%"};
  EXPECT_EQ(request.parameter("match[id]"), "a");
  EXPECT_EQ(request.parameters("match[id]"), (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(request.parameter("flag"), "");
  EXPECT_FALSE(request.parameter("bad").has_value());
}

TEST(AddressText, is_read_in_all_its_forms) {
  EXPECT_EQ(Address::parse("[::1]:8443").value().authority(), "[::1]:8443");
  EXPECT_EQ(Address::parse("https://centre.example").value().port, 443);
  EXPECT_EQ(Address::parse("https://centre.example:9/").value().authority(), "centre.example:9");
  EXPECT_EQ(Address::parse("unix:/run/h.sock").value().path, "/run/h.sock");
  for (const char* bad : {"", "host", "host:", "host:99999", "host:1x", "https://", "https://a/b", "https://u@h:1",
                          "unix:rel", "[::1", "h\nx:1"})
    EXPECT_FALSE(Address::parse(bad).has_value()) << bad;
}

TEST(ErrorAnswer, escapes_what_it_quotes) {
  EXPECT_EQ(error_response({base::Errc::not_found, "a \"b\"\n"}).body,
            R"({"error":{"code":"not_found","message":"a \"b\"\u000a"}})");
  EXPECT_EQ(error_response({base::Errc::not_found, ""}).status, 404);
}

}  // namespace
}  // namespace hinomi::net
