// Enrolment: how a machine comes to be known. The sensor's side: keys, request, and what it keeps of the answer.
// Idea:    a one-time token names organisation, system and the centre's CA. The link key (P-256) proves itself in the certificate
//          request, the ledger key (Ed25519) by a signature over that request and the token's hash: neither can be registered
//          by somebody who does not hold it, nor moved to another request.
// Owns:    LinkFolder: the files under its folder, all readable by their owner alone.
// Threads: values; a LinkFolder belongs to one thread.
// Fails:   malformed, forbidden (the answer is not what the token promised), not_found (not enrolled), what net::Client says.
#pragma once

#include <hinomi/access/secret.hpp>
#include <hinomi/base/file.hpp>
#include <hinomi/link/check.hpp>
#include <hinomi/net/client.hpp>

namespace hinomi::link {

// The link key of a sensor.
class LinkKey {
 public:
  static LinkKey generate();
  static base::Result<LinkKey> parse(std::string_view pem);
  [[nodiscard]] const std::string& pem() const { return pem_; }  // secret
  [[nodiscard]] std::string request_pem() const;  // PKCS #10, signed; its subject is empty: the centre gives the names
  [[nodiscard]] base::Digest digest() const { return digest_; }  // SHA-256 of the SubjectPublicKeyInfo

 private:
  LinkKey() = default;
  std::string pem_;
  base::Digest digest_;
};

// What the ledger key signs to be registered. Holds a NUL, so that it can never be the text of a signed note.
base::Bytes ledger_proof_message(base::ByteView token_secret, std::string_view request_pem);

model::HostId make_host_id(const model::OrganisationId& organisation, std::string_view machine_id);

// What a sensor knows of itself and its centre from then on.
struct Enrolment {
  std::string url;     // of the centre's link door
  std::string centre;  // its name
  model::OrganisationId organisation;
  model::SystemId system;
  model::SensorId sensor;
  model::HostId host;
  std::string host_name;
  std::string ledger_origin;
  std::string evidence_origin;
  std::string evidence_vkey;
  bool operator==(const Enrolment&) const = default;

  [[nodiscard]] base::Result<Sender> sender() const;          // without ledger key
  [[nodiscard]] base::Result<EvidenceView> evidence() const;  // size 0
};
std::string to_json(const Enrolment& enrolment);
base::Result<Enrolment> enrolment_from_json(std::string_view json);

struct EnrolmentOrder {
  access::EnrolmentToken token;
  std::string url;  // the token's unless said
  std::optional<net::Proxy> proxy;
  std::string request_pem;  // LinkKey::request_pem()
  base::Digest link_key;    // LinkKey::digest()
  std::string ledger_vkey;
  base::Bytes ledger_signature;  // over ledger_proof_message(token.secret, request_pem)
  std::string host_name;
  std::string machine_id;
};
struct Enrolled {
  Enrolment enrolment;
  std::string certificate_pem;
  std::string ca_pem;
  std::string manifest_note;  // the centre's proposal; empty if it has none
};
// Talks to nobody but the centre whose CA the token names, and believes the answer only if it fits the token and the key.
base::Result<Enrolled> enrol(const EnrolmentOrder& order);

// The uplink's folder: link.key, certificate.pem, ca.pem, enrolment.json, evidence.note (the last verified checkpoint).
class LinkFolder {
 public:
  explicit LinkFolder(base::fs::path folder) : folder_(std::move(folder)) {}
  // Writes everything; enrolment.json last, so that a half-written enrolment counts for nothing.
  [[nodiscard]] base::Status save(const Enrolled& enrolled, const LinkKey& key) const;
  struct Content {
    Enrolment enrolment;
    std::string link_key_pem;
    std::string certificate_pem;
    std::string ca_pem;
    EvidenceView evidence;
  };
  [[nodiscard]] base::Result<Content> load() const;  // not_found: not enrolled yet
  [[nodiscard]] base::Status save_certificate(std::string_view pem) const;
  [[nodiscard]] base::Status save_evidence(std::string_view checkpoint_note) const;

 private:
  base::fs::path folder_;
};

// From when to when a certificate (PEM) holds.
struct Validity {
  base::Time not_before;
  base::Time not_after;
};
base::Result<Validity> validity_of(std::string_view certificate_pem);

}  // namespace hinomi::link
