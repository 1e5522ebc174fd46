// The secrets that the centre hands out once and then knows by hash alone: enrolment tokens, login links, API keys.
// Threads: values and pure functions; randomness is a parameter.
// Fails:   malformed.
#pragma once

#include <hinomi/access/access.hpp>
#include <hinomi/base/random.hpp>

namespace hinomi::access {

// What a person carries to a sensor. Text: "hinomi1." and base64url of the encoded fields; one line, at most 2,048 characters.
struct EnrolmentToken {
  model::OrganisationId organisation;
  model::SystemId system;
  base::Time expires;
  std::uint32_t uses = 1;
  base::Bytes secret;      // 32 bytes
  base::Digest ca_sha256;  // of the centre's CA certificate (DER)
  std::string url;         // of the centre's link door, https://host:port; may be empty
  bool operator==(const EnrolmentToken&) const = default;

  [[nodiscard]] std::string text() const;
  static base::Result<EnrolmentToken> parse(std::string_view text);  // white space at both ends is ignored
  [[nodiscard]] Token record() const;                                // what the centre keeps
};
EnrolmentToken make_token(base::Random& random, const model::OrganisationId& organisation,
                          const model::SystemId& system, base::Time expires, std::uint32_t uses,
                          const base::Digest& ca_sha256, std::string url);

// Secrets of people and programs: 32 random bytes as base64url with a prefix that scanners for leaked secrets can find.
std::string make_login_secret(base::Random& random);  // "hinomi_login_…"
std::string make_api_key(base::Random& random);       // "hinomi_key_…"
base::Digest hash_of_secret(std::string_view text);   // SHA-256 of the text

}  // namespace hinomi::access
