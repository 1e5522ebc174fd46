// The web app's files, read whole at start: what is not one of their names cannot be asked for, whatever a path says.
// Owns:    their bytes. Threads: immutable after load.
// Fails:   Errc::io, Errc::too_large over 1,000 files or 64 MiB. Symbolic links are not followed.
#pragma once

#include <hinomi/base/file.hpp>
#include <hinomi/net/http.hpp>

#include <map>
#include <string>

namespace hinomi::console::inside {

class WebFiles {
 public:
  static base::Result<WebFiles> load(const base::fs::path& folder);
  // GET and HEAD of a file, or of a page of the app (a path whose last segment has no dot), which is index.html.
  [[nodiscard]] net::Response answer(const net::Request& request) const;
  [[nodiscard]] std::size_t size() const { return files_.size(); }

 private:
  struct File {
    base::Bytes content;
    std::string type;
    std::string etag;
    bool immutable = false;  // its name holds a digest of its content
  };
  std::map<std::string, File, std::less<>> files_;  // by path: "/assets/index-B4c1.js"
};

// What every answer of the door carries, pages and API alike.
void add_security_headers(net::Response& response);

}  // namespace hinomi::console::inside
