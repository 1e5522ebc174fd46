#include <hinomi/console/inside/web_files.hpp>

#include <hinomi/base/digest.hpp>

#include <fmt/format.h>

#include <array>
#include <regex>
#include <system_error>

namespace hinomi::console::inside {
namespace {

constexpr std::size_t kMostFiles = 1000;
constexpr std::size_t kMostBytes = 64U << 20;

std::string_view type_of(std::string_view name) {
  struct Row {
    std::string_view ending, type;
  };
  static constexpr std::array<Row, 14> kTypes{{
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".mjs", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".json", "application/json"},
      {".webmanifest", "application/manifest+json"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".ico", "image/x-icon"},
      {".webp", "image/webp"},
      {".woff2", "font/woff2"},
      {".wasm", "application/wasm"},
      {".txt", "text/plain; charset=utf-8"},
      {".map", "application/json"},
  }};
  for (const auto& row : kTypes)
    if (name.ends_with(row.ending)) return row.type;
  return "application/octet-stream";
}

// Vite writes assets/<name>-<8 characters of base64url>.<ending>.
bool holds_a_digest(const std::string& path) {
  static const std::regex pattern("/assets/.*-[A-Za-z0-9_-]{8,}\\.[a-z0-9]+");
  return std::regex_match(path, pattern);
}

}  // namespace

base::Result<WebFiles> WebFiles::load(const base::fs::path& folder) {
  WebFiles out;
  if (folder.empty()) return out;
  std::error_code failed;
  std::size_t bytes = 0;
  for (base::fs::recursive_directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->is_symlink(failed) || !at->is_regular_file(failed)) continue;
    File file;
    file.content = TRY(base::read_file(at->path(), kMostBytes));
    bytes += file.content.size();
    if (bytes > kMostBytes || out.files_.size() == kMostFiles)
      return base::fail(base::Errc::too_large, fmt::format("{} holds more than {} files or {} bytes", folder.string(),
                                                           kMostFiles, kMostBytes));
    const std::string path = "/" + at->path().lexically_relative(folder).generic_string();
    file.type = type_of(path);
    file.etag = fmt::format("\"{}\"", base::sha256(file.content).hex().substr(0, 32));
    file.immutable = holds_a_digest(path);
    out.files_.emplace(path, std::move(file));
  }
  if (failed) return base::fail(base::error_from_errno(failed.value(), "reading " + folder.string()));
  return out;
}

net::Response WebFiles::answer(const net::Request& request) const {
  const auto plain = [](int status, std::string text) {
    return net::Response{.status = status,
                         .headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}},
                         .body = std::move(text)};
  };
  if (request.method != "GET" && request.method != "HEAD") {
    net::Response out = plain(405, "method not allowed\n");
    out.headers.push_back({"Allow", "GET, HEAD"});
    return out;
  }
  auto found = files_.find(request.path);
  if (found == files_.end()) {
    const std::string_view last = std::string_view(request.path).substr(request.path.rfind('/') + 1);
    if (last.find('.') == std::string_view::npos) found = files_.find("/index.html");
  }
  if (found == files_.end()) return plain(404, "not found\n");
  const File& file = found->second;
  net::Response out;
  out.headers = {{"Content-Type", file.type},
                 {"ETag", file.etag},
                 {"Cache-Control", file.immutable ? "public, max-age=31536000, immutable" : "no-cache"}};
  if (request.header("If-None-Match") == file.etag) out.status = 304;
  else if (request.method == "GET") out.body = file.content;
  return out;
}

void add_security_headers(net::Response& response) {
  // No HSTS: with the centre's own CA a browser would then refuse the page for a year instead of asking.
  static const net::Headers kHeaders{
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src "
       "'self'; "
       "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
  };
  response.headers.insert(response.headers.end(), kHeaders.begin(), kHeaders.end());
}

}  // namespace hinomi::console::inside
