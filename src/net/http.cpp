#include <hinomi/net/http.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace hinomi::net {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\', out += c;
    else if (static_cast<unsigned char>(c) < 0x20) out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else out += c;
  }
  return out + '"';
}

template <class Take>
void each_parameter(std::string_view query, const Take& take) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    const auto key = percent_decode(pair.substr(0, equals), true);
    const auto value = percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
    if (key && value && !take(*key, *value)) return;
  }
}

}  // namespace

std::string_view find_header(const Headers& headers, std::string_view name) {
  for (const Header& header : headers)
    if (same_name(header.name, name)) return header.value;
  return {};
}

std::optional<std::string> Request::parameter(std::string_view name) const {
  std::optional<std::string> found;
  each_parameter(query, [&](const std::string& key, const std::string& value) {
    if (key != name) return true;
    found = value;
    return false;
  });
  return found;
}

std::vector<std::string> Request::parameters(std::string_view name) const {
  std::vector<std::string> found;
  each_parameter(query, [&](const std::string& key, const std::string& value) {
    if (key == name) found.push_back(value);
    return true;
  });
  return found;
}

Response json_response(int status, base::Bytes body) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
}

int http_status_of(base::Errc code) {
  switch (code) {
    case base::Errc::invalid_argument:
    case base::Errc::malformed: return 400;
    case base::Errc::too_large: return 413;
    case base::Errc::not_found: return 404;
    case base::Errc::already_exists:
    case base::Errc::conflict: return 409;
    case base::Errc::unauthenticated: return 401;
    case base::Errc::forbidden: return 403;
    case base::Errc::unavailable:
    case base::Errc::timed_out:
    case base::Errc::cancelled: return 503;
    case base::Errc::full: return 507;
    case base::Errc::unsupported: return 415;
    case base::Errc::io:
    case base::Errc::corrupt:
    case base::Errc::internal: return 500;
  }
  return 500;
}

Response error_response(const base::Error& error) {
  return json_response(http_status_of(error.code),
                       fmt::format(R"({{"error":{{"code":{},"message":{}}}}})", json_text(base::name_of(error.code)),
                                   json_text(error.what)));
}

base::Result<std::string> percent_decode(std::string_view text, bool plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 1 < text.size() ? digit_of(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? digit_of(text[i + 2]) : -1;
      if (high < 0 || low < 0) return base::fail(base::Errc::malformed, "a percent escape needs two hex digits");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (plus && c == '+') {
      c = ' ';
    }
    if (c == '\0') return base::fail(base::Errc::malformed, "NUL in a URL");
    out += c;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) out += c;
    else out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

base::Result<std::pair<std::string, std::string>> split_target(std::string_view target) {
  if (target.size() > (8U << 10)) return base::fail(base::Errc::too_large, "a request target may be 8 KiB long");
  if (target.empty() || target.front() != '/')
    return base::fail(base::Errc::malformed, "a request target must begin with '/'");
  const std::size_t mark = target.find('?');
  std::string path = TRY(percent_decode(target.substr(0, mark), false));
  std::string_view rest = path;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    if (segment == "." || segment == "..")
      return base::fail(base::Errc::malformed, "'.' and '..' are not allowed in a path");
    rest.remove_prefix(segment.size());
  }
  return std::pair{std::move(path), std::string(mark == std::string_view::npos ? "" : target.substr(mark + 1))};
}

base::Result<Address> Address::parse(std::string_view text) {
  const auto bad = [&] {
    return base::fail(
        base::Errc::invalid_argument,
        fmt::format("'{}' is not an address such as 127.0.0.1:8443, https://host:8443 or unix:/path", text));
  };
  Address out;
  if (text.starts_with("unix:")) {
    out.scheme = Scheme::unix_socket;
    out.path = text.substr(5);
    if (out.path.empty() || out.path.front() != '/' || out.path.size() > 107) return bad();
    return out;
  }
  std::string_view rest = text;
  std::optional<std::uint16_t> port;
  if (rest.starts_with("https://")) out.scheme = Scheme::https, port = 443, rest.remove_prefix(8);
  else if (rest.starts_with("http://")) out.scheme = Scheme::http, port = 80, rest.remove_prefix(7);
  if (out.scheme != Scheme::plain && rest.ends_with('/')) rest.remove_suffix(1);
  std::string_view after;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return bad();
    out.host = rest.substr(1, end - 1);
    after = rest.substr(end + 1);
  } else {
    const std::size_t colon = rest.find(':');
    out.host = rest.substr(0, colon);
    after = colon == std::string_view::npos ? "" : rest.substr(colon);
  }
  for (const char c : out.host) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                      c == '.' || c == '_' || c == ':';
    if (!good) return bad();
  }
  if (out.host.empty() || out.host.size() > 253) return bad();
  if (!after.empty()) {
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(after.data() + 1, after.data() + after.size(), number);
    if (after.front() != ':' || after.size() < 2 || error != std::errc() || end != after.data() + after.size())
      return bad();
    port = number;
  }
  if (!port) return bad();
  out.port = *port;
  return out;
}

std::string Address::authority() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

}  // namespace hinomi::net
