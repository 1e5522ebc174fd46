// HTTP messages as plain values: what the other rooms see of the network.
// Threads: values; a Handler is called from several threads at once.
#pragma once

#include <hinomi/base/bytes.hpp>
#include <hinomi/base/time.hpp>

#include <sys/types.h>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hinomi::net {

struct Header {
  std::string name;
  std::string value;
};
using Headers = std::vector<Header>;

// The first header of that name (case does not count), or "".
std::string_view find_header(const Headers& headers, std::string_view name);

// What a verified client certificate says.
struct PeerCertificate {
  std::string organisation;         // subject O
  std::string organisational_unit;  // subject OU
  std::string common_name;          // subject CN
  std::string issuer;               // one line, as RFC 2253 writes it
  std::vector<std::string> uris;    // subject alternative names of type URI
  std::string serial;               // lower-case hex, without leading zeros
  base::Bytes der;
  base::Time not_before;
  base::Time not_after;
};

// Who is at the other end, as far as the door knows.
struct Peer {
  std::optional<PeerCertificate> certificate;  // only if the chain was verified
  std::optional<uid_t> unix_uid;               // unix sockets: SO_PEERCRED
  std::optional<pid_t> unix_pid;
  std::string address;  // IP address as text; "unix" for unix sockets
};

struct Request {
  std::string method = "GET";
  std::string path = "/";  // percent-decoded; begins with '/'; never holds "." or ".." as a segment, nor NUL
  std::string query;       // as sent, without '?'
  Headers headers;
  base::Bytes body;
  Peer peer;

  [[nodiscard]] std::string_view header(std::string_view name) const { return find_header(headers, name); }
  // The decoded value of a query parameter; none if absent or not decodable.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
  // All values of a parameter that may be given several times.
  [[nodiscard]] std::vector<std::string> parameters(std::string_view name) const;
};

struct Response {
  int status = 200;
  Headers headers;
  base::Bytes body;

  [[nodiscard]] std::string_view header(std::string_view name) const { return find_header(headers, name); }
};

// Answers one request. May block; is called on a worker thread of the server; what it throws becomes a 500.
using Handler = std::function<Response(const Request&)>;

Response json_response(int status, base::Bytes body);
// {"error":{"code":…,"message":…}} with the status that belongs to the code (docs/errors.md).
Response error_response(const base::Error& error);
int http_status_of(base::Errc code);

// Splits a request target into path and query (RFC 9112 3.2.1, origin form); malformed, too_large over 8 KiB.
base::Result<std::pair<std::string, std::string>> split_target(std::string_view target);
// Percent-decoding (RFC 3986 2.1); malformed for a broken escape or NUL. With `plus`, '+' is a space (query strings).
base::Result<std::string> percent_decode(std::string_view text, bool plus);
std::string percent_encode(std::string_view text);  // all but RFC 3986 unreserved characters

// Where a door or a peer is: "unix:/path", "127.0.0.1:8443", "[::1]:8443", "https://host:port", "http://host:port".
struct Address {
  enum class Scheme : std::uint8_t { plain, http, https, unix_socket };
  Scheme scheme = Scheme::plain;
  std::string host;  // name or IP address without brackets
  std::uint16_t port = 0;
  std::string path;  // unix sockets
  static base::Result<Address> parse(std::string_view text);
  [[nodiscard]] std::string authority() const;  // host:port, IPv6 in brackets
};

}  // namespace hinomi::net
