#include <hinomi/link/enrolment.hpp>

#include <hinomi/access/certificate_authority.hpp>

#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <boost/json.hpp>

#include <memory>

namespace hinomi::link {
namespace {

namespace json = boost::json;
using base::Errc;
using base::fail;

template <auto F>
struct With {
  template <class T>
  void operator()(T* pointer) const {
    F(pointer);
  }
};
using Bio = std::unique_ptr<BIO, With<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, With<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, With<X509_free>>;

Bio memory(std::string_view text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::string take(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Key read_key(std::string_view pem) {
  Key key(PEM_read_bio_PrivateKey(memory(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return key;
}

base::Result<base::Bytes> certificate_der(std::string_view pem) {
  const Certificate certificate(PEM_read_bio_X509(memory(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!certificate) return fail(Errc::malformed, "not a certificate in PEM");
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate.get(), &der);
  base::Bytes out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(std::max(size, 0)));
  OPENSSL_free(der);
  return out;
}

base::Time time_of(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return {static_cast<std::int64_t>(timegm(&parts)) * 1'000'000'000};
}

base::Result<json::object> parse_object(std::string_view text, std::string_view what) {
  if (text.size() > (1U << 20)) return fail(Errc::too_large, fmt::format("{}: over 1 MiB", what));
  json::parse_options options;
  options.max_depth = 8;
  json::error_code error;
  json::value value = json::parse(text, error, json::storage_ptr(), options);
  if (error || !value.is_object()) return fail(Errc::malformed, fmt::format("{}: not a JSON object", what));
  return std::move(value.get_object());
}

base::Result<std::string> text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (!value || !value->is_string()) return fail(Errc::malformed, fmt::format("'{}' must be a text", name));
  return std::string(value->get_string());
}

json::object object_of(const Enrolment& enrolment) {
  return {{"version", 1},
          {"url", enrolment.url},
          {"centre", enrolment.centre},
          {"organisation", enrolment.organisation.text()},
          {"system", enrolment.system.text()},
          {"sensor", enrolment.sensor.text()},
          {"host", enrolment.host.text()},
          {"host_name", enrolment.host_name},
          {"ledger_origin", enrolment.ledger_origin},
          {"evidence_origin", enrolment.evidence_origin},
          {"evidence_vkey", enrolment.evidence_vkey}};
}

base::Result<Enrolment> read_enrolment(const json::object& object) {
  Enrolment out;
  out.url = TRY(text_in(object, "url"));
  out.centre = TRY(text_in(object, "centre"));
  const std::string organisation = TRY(text_in(object, "organisation"));
  out.organisation = TRY(model::OrganisationId::parse(organisation));
  const std::string system = TRY(text_in(object, "system"));
  out.system = TRY(model::SystemId::parse(system));
  const std::string sensor = TRY(text_in(object, "sensor"));
  out.sensor = TRY(model::SensorId::parse(sensor));
  const std::string host = TRY(text_in(object, "host"));
  out.host = TRY(model::HostId::parse(host));
  out.host_name = TRY(text_in(object, "host_name"));
  out.ledger_origin = TRY(text_in(object, "ledger_origin"));
  out.evidence_origin = TRY(text_in(object, "evidence_origin"));
  out.evidence_vkey = TRY(text_in(object, "evidence_vkey"));
  TRY_VOID(proof::VerifierKey::parse(out.evidence_vkey));
  return out;
}

}  // namespace

LinkKey LinkKey::generate() {
  const Key key(EVP_EC_gen("P-256"));
  HINOMI_CHECK(key != nullptr);
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  auto made = parse(take(bio.get()));
  HINOMI_CHECK(made.has_value());
  return *made;
}

base::Result<LinkKey> LinkKey::parse(std::string_view pem) {
  const Key key = read_key(pem);
  unsigned char* der = nullptr;
  const int size = key ? i2d_PUBKEY(key.get(), &der) : 0;
  if (size <= 0) return fail(Errc::malformed, "link key: not a private key in PEM");
  LinkKey out;
  out.pem_ = pem;
  out.digest_ = base::sha256({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return out;
}

std::string LinkKey::request_pem() const {
  const Key key = read_key(pem_);
  const std::unique_ptr<X509_REQ, With<X509_REQ_free>> request(X509_REQ_new());
  X509_REQ_set_pubkey(request.get(), key.get());
  HINOMI_CHECK(X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0);
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(bio.get(), request.get());
  return take(bio.get());
}

base::Bytes ledger_proof_message(base::ByteView token_secret, std::string_view request_pem) {
  base::Bytes out = "hinomi ledger key v1";
  out += '\0';
  out += base::sha256(token_secret).bytes();
  out += base::sha256(request_pem).bytes();
  return out;
}

model::HostId make_host_id(const model::OrganisationId& organisation, std::string_view machine_id) {
  return {base::Uuid::named(base::kHinomiNamespace, fmt::format("host\n{}\n{}", organisation.text(), machine_id))};
}

base::Result<Sender> Enrolment::sender() const {
  return Sender{organisation, system, sensor, host, host_name, ledger_origin, std::nullopt};
}

base::Result<EvidenceView> Enrolment::evidence() const {
  EvidenceView view;
  view.origin = evidence_origin;
  view.key = TRY(proof::VerifierKey::parse(evidence_vkey));
  return view;
}

std::string to_json(const Enrolment& enrolment) { return json::serialize(object_of(enrolment)); }

base::Result<Enrolment> enrolment_from_json(std::string_view text) {
  const json::object object = TRY(parse_object(text, "enrolment"));
  return read_enrolment(object);
}

base::Result<Enrolled> enrol(const EnrolmentOrder& order) {
  const std::string url = order.url.empty() ? order.token.url : order.url;
  if (url.empty()) return fail(Errc::invalid_argument, "the token names no address of the centre: say it");
  auto client = TRY(net::Client::create({.url = url, .ca_sha256 = order.token.ca_sha256.hex(), .proxy = order.proxy}));
  const json::object question = {{"version", 1},
                                 {"token", base::to_base64url(order.token.secret)},
                                 {"request", order.request_pem},
                                 {"ledger_vkey", order.ledger_vkey},
                                 {"ledger_signature", base::to_base64(order.ledger_signature)},
                                 {"host_name", order.host_name},
                                 {"machine_id", order.machine_id}};
  const net::Response answer = TRY(client->send({.method = "POST",
                                                 .path = "/v1/enrol",
                                                 .headers = {{"Content-Type", "application/json"}},
                                                 .body = json::serialize(question)}));
  const json::object object = TRY(parse_object(answer.body, "the centre's answer"));
  if (answer.status != 200) {
    const json::value* error = object.if_contains("error");
    if (!error || !error->is_object())
      return fail(Errc::malformed, fmt::format("the centre answers {}", answer.status));
    const std::string code = TRY(text_in(error->get_object(), "code"));
    const std::string message = TRY(text_in(error->get_object(), "message"));
    return fail(base::errc_named(code), "the centre refuses: " + message);
  }
  Enrolled out;
  out.enrolment = TRY(read_enrolment(object));
  out.enrolment.url = url;
  out.certificate_pem = TRY(text_in(object, "certificate"));
  out.ca_pem = TRY(text_in(object, "ca"));
  out.manifest_note = TRY(text_in(object, "manifest_note"));
  if (out.enrolment.organisation != order.token.organisation || out.enrolment.system != order.token.system)
    return fail(Errc::forbidden, "the centre answers with another organisation or system than the token's");
  const base::Bytes ca_der = TRY(certificate_der(out.ca_pem));
  if (base::sha256(ca_der) != order.token.ca_sha256)
    return fail(Errc::forbidden, "the centre answers with another CA than the token's");
  const base::Bytes der = TRY(certificate_der(out.certificate_pem));
  if (TRY(access::public_key_digest(der)) != order.link_key)
    return fail(Errc::forbidden, "the centre answers with a certificate for another key");
  if (out.enrolment.ledger_origin != fmt::format("{}/ledger/{}", out.enrolment.centre, out.enrolment.sensor.text()))
    return fail(Errc::forbidden, "the centre answers with an origin that is not this sensor's");
  return out;
}

base::Status LinkFolder::save(const Enrolled& enrolled, const LinkKey& key) const {
  TRY_VOID(base::make_folder(folder_));
  std::error_code ignored;
  base::fs::remove(folder_ / "enrolment.json", ignored);
  base::fs::remove(folder_ / "evidence.note", ignored);
  TRY_VOID(base::write_file(folder_ / "link.key", key.pem(), base::Durability::synced, 0600));
  TRY_VOID(base::write_file(folder_ / "ca.pem", enrolled.ca_pem, base::Durability::synced, 0644));
  TRY_VOID(save_certificate(enrolled.certificate_pem));
  return base::write_file(folder_ / "enrolment.json", to_json(enrolled.enrolment) + "\n", base::Durability::synced,
                          0644);
}

base::Result<LinkFolder::Content> LinkFolder::load() const {
  Content out;
  const base::Bytes enrolment = TRY(base::read_file(folder_ / "enrolment.json", 64U << 10));
  out.enrolment = TRY(enrolment_from_json(enrolment));
  out.link_key_pem = TRY(base::read_file(folder_ / "link.key", 64U << 10));
  out.certificate_pem = TRY(base::read_file(folder_ / "certificate.pem", 64U << 10));
  out.ca_pem = TRY(base::read_file(folder_ / "ca.pem", 64U << 10));
  out.evidence = TRY(out.enrolment.evidence());
  const auto note = base::read_file(folder_ / "evidence.note", 64U << 10);
  if (!note && note.error().code != Errc::not_found) return fail(note.error());
  if (note) {
    const proof::Checkpoint checkpoint = TRY(proof::open_checkpoint(*note, *out.evidence.key, out.evidence.origin));
    out.evidence.size = checkpoint.size;
    out.evidence.root = checkpoint.root;
  }
  return out;
}

base::Status LinkFolder::save_certificate(std::string_view pem) const {
  return base::write_file(folder_ / "certificate.pem", pem, base::Durability::synced, 0644);
}

base::Status LinkFolder::save_evidence(std::string_view checkpoint_note) const {
  return base::write_file(folder_ / "evidence.note", checkpoint_note, base::Durability::synced, 0644);
}

base::Result<Validity> validity_of(std::string_view certificate_pem) {
  const Certificate certificate(PEM_read_bio_X509(memory(certificate_pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!certificate) return fail(Errc::malformed, "not a certificate in PEM");
  return Validity{time_of(X509_get0_notBefore(certificate.get())), time_of(X509_get0_notAfter(certificate.get()))};
}

}  // namespace hinomi::link
