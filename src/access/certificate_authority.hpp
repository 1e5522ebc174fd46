// The centre's own certificate authority: P-256, one level.
// Owns:    ca.pem and ca.key (mode 0600) in its folder.
// Threads: all functions from any thread.
// Fails:   io, malformed (a request that is none, or not P-256, or not signed by its own key), corrupt (key and certificate differ).
#pragma once

#include <hinomi/base/file.hpp>
#include <hinomi/base/time.hpp>
#include <hinomi/model/ids.hpp>

#include <memory>
#include <string>
#include <vector>

namespace hinomi::access {

struct ClientCertificate {
  std::string pem;
  std::string serial;     // hex, lower case, without leading zeros
  base::Digest link_key;  // SHA-256 of the SubjectPublicKeyInfo (DER)
  base::Time not_after;
};

struct ServerCertificate {
  std::string chain_pem;  // its own, then the CA's
  std::string key_pem;
};

class CertificateAuthority final {
 public:
  // Opens what is in the folder; makes a new one, valid from an hour before `now` for ten years, if nothing is there.
  static base::Result<std::unique_ptr<CertificateAuthority>> open_or_create(const base::fs::path& folder,
                                                                            const std::string& centre_name,
                                                                            base::Time now);
  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  // From a PKCS #10 request, of which only the key is taken. Subject: O=organisation, OU=system, CN=sensor;
  // SAN URI hinomi://organisation/system/sensor.
  [[nodiscard]] base::Result<ClientCertificate> issue_client(std::string_view request_pem,
                                                             const model::OrganisationId& organisation,
                                                             const model::SystemId& system,
                                                             const model::SensorId& sensor, base::Time not_before,
                                                             base::Time not_after) const;
  // For host names and IP addresses; makes a new key.
  [[nodiscard]] base::Result<ServerCertificate> issue_server(const std::vector<std::string>& names,
                                                             base::Time not_before, base::Time not_after) const;
  [[nodiscard]] const std::string& certificate_pem() const;
  [[nodiscard]] const base::Digest& sha256() const;  // of the certificate's DER

 private:
  struct State;
  explicit CertificateAuthority(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// SHA-256 of the SubjectPublicKeyInfo of a certificate (DER).
base::Result<base::Digest> public_key_digest(base::ByteView certificate_der);
// The URI that a sensor's certificate carries.
std::string sensor_uri(const model::OrganisationId& organisation, const model::SystemId& system,
                       const model::SensorId& sensor);

}  // namespace hinomi::access
