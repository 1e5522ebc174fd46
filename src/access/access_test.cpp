#include <hinomi/access/access.hpp>
#include <hinomi/access/certificate_authority.hpp>
#include <hinomi/access/secret.hpp>

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hinomi::access {
namespace {

using base::Errc;

const base::Time kNow = base::Time::parse_rfc3339("2026-11-21T00:00:00Z").value();

model::OrganisationId organisation(const char* name) { return model::OrganisationId::parse(name).value(); }
model::SystemId system_named(const char* name) { return model::SystemId::parse(name).value(); }

Token token_of(const char* secret, const char* whose = "city-hall", std::uint32_t uses = 1) {
  return {hash_of_secret(secret), organisation(whose), system_named("staff-pcs"), kNow.plus_seconds(3600), uses, 0};
}

Sensor sensor_of(int number, const char* whose = "city-hall") {
  Sensor sensor;
  sensor.id = model::SensorId::parse(fmt::format("00000000-0000-4000-8000-{:012}", number)).value();
  sensor.organisation = organisation(whose);
  sensor.system = system_named("staff-pcs");
  sensor.host = model::HostId::parse("00000000-0000-5000-8000-000000000001").value();
  sensor.host_name = "pc-1";
  sensor.machine_id = "m1";
  sensor.link_key = base::sha256("key");
  sensor.serials = {"4a"};
  sensor.certificate_not_after = kNow.plus_seconds(86'400);
  sensor.ledger_vkey = "vkey";
  sensor.enrolled = kNow;
  return sensor;
}

TEST(Access, enrols_as_often_as_the_token_says_and_no_more) {
  Access access;
  const Token token = token_of("secret", "city-hall", 2);
  ASSERT_TRUE(access.apply(token_act("operator", token), kNow).has_value());
  EXPECT_EQ(access.usable_token(token.hash, kNow).value(), token);
  ASSERT_TRUE(access.apply(enrolment_act(sensor_of(1), token.hash), kNow).has_value());
  EXPECT_EQ(access.sensor(sensor_of(1).id).value(), sensor_of(1));
  EXPECT_EQ(access.apply(enrolment_act(sensor_of(1), token.hash), kNow).error().code, Errc::already_exists);
  ASSERT_TRUE(access.apply(enrolment_act(sensor_of(2), token.hash), kNow).has_value());
  EXPECT_EQ(access.apply(enrolment_act(sensor_of(3), token.hash), kNow).error().code, Errc::conflict);
  EXPECT_EQ(access.usable_token(token.hash, kNow).error().code, Errc::conflict);
  EXPECT_EQ(access.sensors().size(), 2U);
}

TEST(Access, refuses_tokens_that_are_unknown_expired_or_another_organisations) {
  Access access;
  const Token token = token_of("secret");
  EXPECT_EQ(access.usable_token(token.hash, kNow).error().code, Errc::not_found);
  EXPECT_EQ(access.apply(enrolment_act(sensor_of(1), token.hash), kNow).error().code, Errc::not_found);
  EXPECT_EQ(access.apply(token_act("operator", token), kNow.plus_seconds(3600)).error().code, Errc::conflict)
      << "expired when made";
  ASSERT_TRUE(access.apply(token_act("operator", token), kNow).has_value());
  EXPECT_EQ(access.apply(enrolment_act(sensor_of(1, "hospital"), token.hash), kNow).error().code, Errc::conflict);
  EXPECT_EQ(access.apply(enrolment_act(sensor_of(1), token.hash), kNow.plus_seconds(3600)).error().code,
            Errc::conflict);
  EXPECT_EQ(access.usable_token(token.hash, kNow.plus_seconds(3600)).error().code, Errc::conflict);
  EXPECT_TRUE(access.sensors().empty());
}

TEST(Access, a_revoked_sensor_stays_revoked_and_cannot_renew) {
  Access access;
  const Token token = token_of("secret");
  ASSERT_TRUE(access.apply(token_act("operator", token), kNow).has_value());
  ASSERT_TRUE(access.apply(enrolment_act(sensor_of(1), token.hash), kNow).has_value());
  ASSERT_TRUE(access.apply(renewal_act(sensor_of(1).id, "4b", kNow.plus_seconds(99)), kNow).has_value());
  EXPECT_EQ(access.apply(renewal_act(sensor_of(1).id, "4b", kNow), kNow).error().code, Errc::already_exists);
  EXPECT_EQ(access.apply(renewal_act(sensor_of(1).id, "Z", kNow), kNow).error().code, Errc::malformed);
  EXPECT_EQ(access.sensor(sensor_of(1).id)->serials, (std::set<std::string>{"4a", "4b"}));
  ASSERT_TRUE(access.apply(revocation_act("operator", sensor_of(1).id, "stolen"), kNow).has_value());
  EXPECT_TRUE(access.sensor(sensor_of(1).id)->revoked);
  EXPECT_EQ(access.apply(renewal_act(sensor_of(1).id, "4c", kNow), kNow).error().code, Errc::conflict);
  EXPECT_EQ(access.apply(revocation_act("operator", sensor_of(2).id, ""), kNow).error().code, Errc::not_found);
}

TEST(Access, a_login_link_works_once_and_for_ten_minutes) {
  Access access;
  const LoginLink link{hash_of_secret("link"), "hanako", kNow.plus_seconds(600), false};
  EXPECT_EQ(access.apply(login_link_act("operator", link), kNow).error().code, Errc::not_found) << "no such account";
  ASSERT_TRUE(access.apply(account_act("operator", {"hanako", Role::analyst, {}, false}), kNow).has_value());
  EXPECT_EQ(access.apply(login_link_act("operator", link), kNow.plus_seconds(-1)).error().code, Errc::malformed)
      << "longer than ten minutes";
  ASSERT_TRUE(access.apply(login_link_act("operator", link), kNow).has_value());
  EXPECT_EQ(access.usable_login_link("link", kNow.plus_seconds(599)).value(), link);
  EXPECT_EQ(access.usable_login_link("link", kNow.plus_seconds(600)).error().code, Errc::unauthenticated);
  EXPECT_EQ(access.usable_login_link("other", kNow).error().code, Errc::unauthenticated);
  EXPECT_EQ(access.apply(login_used_act(link), kNow.plus_seconds(600)).error().code, Errc::conflict);
  ASSERT_TRUE(access.apply(login_used_act(link), kNow).has_value());
  EXPECT_EQ(access.apply(login_used_act(link), kNow).error().code, Errc::conflict);
  EXPECT_EQ(access.usable_login_link("link", kNow).error().code, Errc::unauthenticated);
}

TEST(Access, an_api_key_speaks_for_its_account_until_either_is_closed) {
  Access access;
  base::SystemRandom random;
  const Account account{"feed", Role::subscriber, {}, false};
  ASSERT_TRUE(access.apply(account_act("operator", account), kNow).has_value());
  const std::string key = make_api_key(random);
  const std::string second = make_api_key(random);
  ASSERT_NE(key, second);
  for (const std::string& one : {key, second})
    ASSERT_TRUE(access.apply(api_key_act("operator", {hash_of_secret(one), "feed", kNow, false}), kNow).has_value());
  EXPECT_EQ(access.principal_of_key(key).value(), (Principal{"feed", Role::subscriber, {}}));
  EXPECT_EQ(access.principal_of_key(key + "x").error().code, Errc::unauthenticated);
  EXPECT_EQ(access.principal_of_key("").error().code, Errc::unauthenticated);
  ASSERT_TRUE(access.apply(api_key_revoked_act("operator", hash_of_secret(key)), kNow).has_value());
  EXPECT_EQ(access.principal_of_key(key).error().code, Errc::unauthenticated);
  EXPECT_TRUE(access.principal_of_key(second).has_value());
  Account closed = account;
  closed.closed = true;
  ASSERT_TRUE(access.apply(account_act("operator", closed), kNow).has_value());
  EXPECT_EQ(access.principal_of_key(second).error().code, Errc::unauthenticated);
  EXPECT_FALSE(access.has_account());
}

TEST(Access, an_accounts_name_never_comes_to_stand_for_another_role) {
  Access access;
  ASSERT_TRUE(
      access.apply(account_act("operator", {"taro", Role::csirt, organisation("city-hall"), false}), kNow).has_value());
  EXPECT_EQ(
      access.apply(account_act("operator", {"taro", Role::csirt, organisation("hospital"), false}), kNow).error().code,
      Errc::conflict);
  EXPECT_EQ(access.apply(account_act("operator", {"taro", Role::analyst, {}, false}), kNow).error().code,
            Errc::conflict);
  EXPECT_EQ(
      access.apply(account_act("operator", {"taro", Role::csirt, organisation("city-hall"), false}), kNow).error().code,
      Errc::already_exists);
  EXPECT_EQ(access.apply(account_act("operator", {"jiro", Role::csirt, {}, false}), kNow).error().code,
            Errc::malformed);
  EXPECT_EQ(access.apply(account_act("operator", {"jiro", Role::analyst, organisation("city-hall"), false}), kNow)
                .error()
                .code,
            Errc::malformed);
  EXPECT_EQ(access.apply(account_act("operator", {"jiro", Role::centre_operator, {}, false}), kNow).error().code,
            Errc::malformed);
  EXPECT_EQ(access.apply(account_act("operator", {"Jiro!", Role::analyst, {}, false}), kNow).error().code,
            Errc::malformed);
}

TEST(Access, is_the_same_after_the_same_acts_and_a_refused_act_changes_nothing) {
  const Token token = token_of("secret");
  const std::vector<Act> acts = {organisation_act("centre", organisation("hospital")), token_act("operator", token),
                                 enrolment_act(sensor_of(1), token.hash),
                                 account_act("operator", {"a", Role::analyst, {}, false})};
  Access first;
  Access second;
  for (const Act& act : acts) {
    ASSERT_TRUE(first.check(act, kNow).has_value());
    ASSERT_TRUE(first.apply(act, kNow).has_value());
    EXPECT_FALSE(first.apply(act, kNow).has_value()) << act.kind;
    ASSERT_TRUE(second.apply(act, kNow).has_value());
  }
  EXPECT_EQ(first.sensors(), second.sensors());
  EXPECT_EQ(first.accounts(), second.accounts());
  EXPECT_EQ(first.organisations(), second.organisations());
  EXPECT_EQ(first.organisations().size(), 2U);
  EXPECT_TRUE(first.apply({"rules", "centre", "not even JSON"}, kNow).has_value()) << "not ours";
}

TEST(Access, refuses_acts_whose_content_is_not_as_it_must_be) {
  Access access;
  for (const char* bad : {"", "[]", "{", "{}", R"({"organisation":1})", R"({"organisation":"UPPER"})",
                          R"({"organisation":"a","hash":"zz"})",
                          R"({"hash":"00","organisation":"a","system":"b","expires":"x","uses":-1})"})
    for (const char* kind : {"token", "enrolment", "renewal", "revocation", "account", "login_link", "login_used",
                             "api_key", "api_key_revoked"})
      EXPECT_EQ(access.apply({kind, "x", bad}, kNow).error().code, Errc::malformed) << kind << bad;
  EXPECT_EQ(access.apply({"organisation", "x", std::string(70'000, ' ')}, kNow).error().code, Errc::too_large);
}

TEST(Principal, sees_its_own_organisation_alone_for_every_pair) {
  const std::vector<model::OrganisationId> all = {organisation("city-hall"), organisation("hospital"),
                                                  organisation("ministry")};
  for (const auto& own : all) {
    for (const auto& other : all) {
      const Principal csirt{"c", Role::csirt, own};
      EXPECT_EQ(csirt.may_see(other), own == other);
      EXPECT_EQ(csirt.may_publish(other), own == other);
      EXPECT_TRUE((Principal{"a", Role::analyst, {}}).may_see(other));
      EXPECT_TRUE((Principal{"o", Role::centre_operator, {}}).may_see(other));
      EXPECT_FALSE((Principal{"s", Role::subscriber, own}).may_see(other));
      EXPECT_FALSE((Principal{"s", Role::subscriber, {}}).may_see(other));
      EXPECT_FALSE((Principal{"c", Role::csirt, {}}).may_see(other)) << "a csirt without an organisation sees nothing";
    }
    EXPECT_FALSE((Principal{"c", Role::csirt, own}).may_administer());
  }
}

TEST(Act, round_trips_and_refuses_what_is_none) {
  const Act act{"enrolment", "sensor", "{}"};
  EXPECT_EQ(decode_act(encode(act)).value(), act);
  EXPECT_EQ(decode_act("").error().code, Errc::unsupported);
  EXPECT_EQ(decode_act("\x12\xff").error().code, Errc::malformed);
  EXPECT_EQ(decode_act(encode({"Bad Kind", "", ""})).error().code, Errc::malformed);
  EXPECT_EQ(decode_act(encode({"a", "\xff", ""})).error().code, Errc::malformed);
  EXPECT_EQ(decode_act(encode({"a", "", std::string((16U << 20) + 1, 'x')})).error().code, Errc::too_large);
}

TEST(EnrolmentToken, round_trips_as_one_line_and_its_record_holds_no_secret) {
  base::SystemRandom random;
  const EnrolmentToken token = make_token(random, organisation("city-hall"), system_named("staff-pcs"), kNow, 3,
                                          base::sha256("ca"), "https://centre:8443");
  const std::string text = token.text();
  EXPECT_TRUE(text.starts_with("hinomi1."));
  EXPECT_EQ(text.find_first_of(" \n="), std::string::npos);
  EXPECT_EQ(EnrolmentToken::parse(" " + text + "\n").value(), token);
  EXPECT_EQ(token.record().hash, hash_of_secret(token.secret));
  EXPECT_EQ(token_act("operator", token.record()).json.find(base::to_hex(token.secret)), std::string::npos);
}

TEST(EnrolmentToken, damaged_ones_are_refused) {
  base::SystemRandom random;
  const std::string text =
      make_token(random, organisation("a"), system_named("b"), kNow, 1, base::sha256("ca"), "").text();
  for (const std::string& bad : {std::string(), std::string("hinomi1."), std::string("hinomi2.") + text.substr(8),
                                 text.substr(0, text.size() - 4), text + "!", "x" + text})
    EXPECT_FALSE(EnrolmentToken::parse(bad).has_value()) << bad;
  EXPECT_EQ(EnrolmentToken::parse("hinomi1." + std::string(3000, 'a')).error().code, Errc::too_large);
}

class Authority : public testing::Test {
 protected:
  Authority() : folder_(base::fs::temp_directory_path() / fmt::format("hinomi_access_test_{}", ::getpid())) {
    base::fs::remove_all(folder_);
  }
  ~Authority() override { base::fs::remove_all(folder_); }
  static std::string request(EVP_PKEY* key, EVP_PKEY* signer) {
    X509_REQ* made = X509_REQ_new();
    X509_REQ_set_pubkey(made, key);
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(made), "O", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("forged"), -1, -1, 0);
    X509_REQ_sign(made, signer, EVP_PKEY_get_base_id(signer) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256());
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_REQ(bio, made);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string out(data, static_cast<std::size_t>(size));
    BIO_free_all(bio);
    X509_REQ_free(made);
    return out;
  }
  static X509* read(const std::string& pem) {
    BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    X509* out = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free_all(bio);
    return out;
  }
  base::fs::path folder_;
};

TEST_F(Authority, is_made_once_with_a_private_key_file_and_found_again) {
  const auto made = CertificateAuthority::open_or_create(folder_, "hinomi.local", kNow).value();
  struct stat status{};
  ASSERT_EQ(::stat((folder_ / "ca.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const auto again = CertificateAuthority::open_or_create(folder_, "hinomi.local", kNow).value();
  EXPECT_EQ(again->sha256(), made->sha256());
  EXPECT_EQ(again->certificate_pem(), made->certificate_pem());
  ASSERT_TRUE(
      base::write_file(folder_ / "ca.key", made->issue_server({"x"}, kNow, kNow.plus_seconds(9))->key_pem).has_value());
  EXPECT_EQ(CertificateAuthority::open_or_create(folder_, "hinomi.local", kNow).error().code, Errc::corrupt);
}

TEST_F(Authority, a_client_certificate_names_what_the_centre_says_not_what_the_request_says) {
  const auto authority = CertificateAuthority::open_or_create(folder_, "hinomi.local", kNow).value();
  EVP_PKEY* key = EVP_EC_gen("P-256");
  const Sensor sensor = sensor_of(7);
  const auto issued = authority->issue_client(request(key, key), sensor.organisation, sensor.system, sensor.id, kNow,
                                              kNow.plus_seconds(30 * 86'400));
  ASSERT_TRUE(issued.has_value()) << issued.error().what;
  X509* certificate = read(issued->pem);
  X509* ca = read(authority->certificate_pem());
  EXPECT_EQ(X509_verify(certificate, X509_get0_pubkey(ca)), 1);
  char line[256];
  X509_NAME_oneline(X509_get_subject_name(certificate), line, sizeof line);
  EXPECT_STREQ(line, "/O=city-hall/OU=staff-pcs/CN=00000000-0000-4000-8000-000000000007");
  EXPECT_EQ(X509_check_ca(certificate), 0);
  EXPECT_EQ(X509_check_purpose(certificate, X509_PURPOSE_SSL_CLIENT, 0), 1);
  EXPECT_EQ(X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0), 0);
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  EXPECT_EQ(public_key_digest({reinterpret_cast<char*>(der), static_cast<std::size_t>(size)}).value(),
            issued->link_key);
  OPENSSL_free(der);
  X509_free(certificate);
  X509_free(ca);
  EVP_PKEY_free(key);
}

TEST_F(Authority, requests_without_proof_of_their_key_or_with_another_kind_of_key_are_refused) {
  const auto authority = CertificateAuthority::open_or_create(folder_, "hinomi.local", kNow).value();
  EVP_PKEY* key = EVP_EC_gen("P-256");
  EVP_PKEY* other = EVP_EC_gen("P-256");
  EVP_PKEY* edwards = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  const Sensor sensor = sensor_of(7);
  for (const std::string& bad : {std::string(), std::string("nonsense"), request(key, other), request(edwards, edwards),
                                 std::string(20'000, 'x')})
    EXPECT_FALSE(
        authority->issue_client(bad, sensor.organisation, sensor.system, sensor.id, kNow, kNow.plus_seconds(60))
            .has_value());
  EVP_PKEY_free(key);
  EVP_PKEY_free(other);
  EVP_PKEY_free(edwards);
}

TEST_F(Authority, a_server_certificate_holds_for_its_names_and_addresses_alone) {
  const auto authority = CertificateAuthority::open_or_create(folder_, "hinomi.local", kNow).value();
  const auto issued = authority->issue_server({"localhost", "127.0.0.1", "::1"}, kNow, kNow.plus_seconds(60));
  ASSERT_TRUE(issued.has_value()) << issued.error().what;
  X509* certificate = read(issued->chain_pem);
  EXPECT_EQ(X509_check_host(certificate, "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(certificate, "elsewhere", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(certificate, "::1", 0), 1);
  X509_free(certificate);
  EXPECT_TRUE(issued->chain_pem.ends_with(authority->certificate_pem()));
  for (const char* bad : {"", "a,IP:1.2.3.4", "a b", "x:y"})
    EXPECT_FALSE(authority->issue_server({bad}, kNow, kNow).has_value()) << bad;
}

}  // namespace
}  // namespace hinomi::access
