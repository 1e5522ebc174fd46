// A TAXII 2.1 server (OASIS Standard, 10 June 2021) as a function from request to answer.
// One API root, one collection `published`, which can be read and not written. Paths are served with and without a trailing
// slash. Clients differ in what they trip over (docs of each quirk stand with its test), so: `added_after` is exclusive, every
// date_added is unique, the last page has no `next`, `next` carries the whole query, every page has its date headers.
// Owns:    nothing but its options; borrows the source and the doorkeeper. Threads: answer() and handle() from any thread.
// Fails:   never; what goes wrong is an answer with an error object.
#pragma once

#include <hinomi/net/http.hpp>
#include <hinomi/publish/source.hpp>

#include <set>
#include <string>
#include <string_view>

namespace hinomi::publish {

// Who somebody is; declared here, answered by access.
class Doorkeeper {
 public:
  virtual ~Doorkeeper() = default;
  // The principal with this API key. `account` is empty for a bearer token. unauthenticated if there is none.
  [[nodiscard]] virtual base::Result<access::Principal> principal(std::string_view account,
                                                                  std::string_view key) const = 0;
};

struct TaxiiOptions {
  std::string title = "Hinomi";
  std::string description = "Indicators with their evidence";
  std::string contact;   // left out if empty
  std::string producer;  // the centre's name: the collection's id is derived from it
  std::size_t default_limit = 100;
  std::size_t max_limit = 1000;
  std::size_t max_content_length = 1U << 20;
  base::Bytes next_key;  // for the MAC of `next`; kept over restarts so that a client in the middle can go on
  std::set<std::string> spelled_out_for;  // accounts whose client needs "objects":[] where an empty envelope is due
};

class Taxii {
 public:
  Taxii(const PublishedSource& source, const Doorkeeper& doorkeeper, TaxiiOptions options);

  // Everything under /taxii2: asks for credentials (Basic account:key, or Bearer key), then answers.
  [[nodiscard]] net::Response answer(const net::Request& request) const;
  // The same for somebody who is known already.
  [[nodiscard]] net::Response handle(const net::Request& request, const access::Principal& who) const;

  [[nodiscard]] const std::string& collection_id() const { return collection_id_; }
  static bool is_taxii(std::string_view path);

 private:
  const PublishedSource& source_;
  const Doorkeeper& doorkeeper_;
  const TaxiiOptions options_;
  const std::string collection_id_;
};

// From an Authorization header: Basic (RFC 7617) or Bearer (RFC 6750); unauthenticated for anything else.
struct Credentials {
  std::string account;  // empty for Bearer
  std::string key;
};
base::Result<Credentials> credentials_of(std::string_view authorization);

}  // namespace hinomi::publish
