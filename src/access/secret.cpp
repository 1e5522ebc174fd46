#include <hinomi/access/secret.hpp>

#include <fmt/format.h>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace hinomi::access {
namespace {
constexpr std::string_view kPrefix = "hinomi1.";
constexpr std::size_t kLimit = 2048;
constexpr std::size_t kSecretBytes = 32;
}  // namespace

std::string EnrolmentToken::text() const {
  base::Bytes fields;
  protozero::pbf_writer writer(fields);
  writer.add_string(1, organisation.text());
  writer.add_string(2, system.text());
  writer.add_sfixed64(3, expires.nanoseconds);
  writer.add_uint32(4, uses);
  writer.add_bytes(5, secret);
  const base::ByteView ca = ca_sha256.bytes();
  writer.add_bytes(6, ca.data(), ca.size());
  if (!url.empty()) writer.add_string(7, url);
  return std::string(kPrefix) + base::to_base64url(fields);
}

base::Result<EnrolmentToken> EnrolmentToken::parse(std::string_view text) {
  const std::string_view space = " \t\r\n";
  const std::size_t begin = std::min(text.find_first_not_of(space), text.size());
  text = text.substr(begin, text.find_last_not_of(space) + 1 - begin);
  if (text.size() > kLimit) return base::fail(base::Errc::too_large, "an enrolment token may be 2,048 characters long");
  if (!text.starts_with(kPrefix)) return base::fail(base::Errc::malformed, "an enrolment token begins with 'hinomi1.'");
  const base::Bytes fields = TRY(base::from_base64url(text.substr(kPrefix.size())));
  EnrolmentToken token;
  std::string organisation;
  std::string system;
  base::Bytes ca;
  token.uses = 0;
  try {
    using protozero::pbf_wire_type;
    using protozero::tag_and_type;
    protozero::pbf_reader reader(fields);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case tag_and_type(1, pbf_wire_type::length_delimited): organisation = reader.get_string(); break;
        case tag_and_type(2, pbf_wire_type::length_delimited): system = reader.get_string(); break;
        case tag_and_type(3, pbf_wire_type::fixed64): token.expires.nanoseconds = reader.get_sfixed64(); break;
        case tag_and_type(4, pbf_wire_type::varint): token.uses = reader.get_uint32(); break;
        case tag_and_type(5, pbf_wire_type::length_delimited): token.secret = reader.get_string(); break;
        case tag_and_type(6, pbf_wire_type::length_delimited): ca = reader.get_string(); break;
        case tag_and_type(7, pbf_wire_type::length_delimited): token.url = reader.get_string(); break;
        default: reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return base::fail(base::Errc::malformed, "the enrolment token is damaged or cut short");
  }
  token.organisation = TRY(model::OrganisationId::parse(organisation));
  token.system = TRY(model::SystemId::parse(system));
  token.ca_sha256 = TRY(base::Digest::from_bytes(ca));
  if (token.secret.size() != kSecretBytes || token.uses == 0)
    return base::fail(base::Errc::malformed, "the enrolment token is damaged or cut short");
  for (const char c : token.url)
    if (c <= 0x20 || c >= 0x7f) return base::fail(base::Errc::malformed, "the enrolment token is damaged: its address");
  return token;
}

Token EnrolmentToken::record() const { return {hash_of_secret(secret), organisation, system, expires, uses, 0}; }

EnrolmentToken make_token(base::Random& random, const model::OrganisationId& organisation,
                          const model::SystemId& system, base::Time expires, std::uint32_t uses,
                          const base::Digest& ca_sha256, std::string url) {
  return {organisation, system, expires, uses, random.bytes(kSecretBytes), ca_sha256, std::move(url)};
}

std::string make_login_secret(base::Random& random) {
  return "hinomi_login_" + base::to_base64url(random.bytes(kSecretBytes));
}
std::string make_api_key(base::Random& random) {
  return "hinomi_key_" + base::to_base64url(random.bytes(kSecretBytes));
}
base::Digest hash_of_secret(std::string_view text) { return base::sha256(text); }

}  // namespace hinomi::access
