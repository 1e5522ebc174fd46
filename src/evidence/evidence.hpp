// All evidence logs of a centre: one folder an organisation.
// Owns:    the logs. Borrows the clock.
// Threads: any thread may call anything; a log stays where it is until the Evidence ends.
// Fails:   Errc::io, Errc::corrupt (with the log's origin), Errc::conflict if another process has them open.
#pragma once

#include <hinomi/evidence/log.hpp>

#include <map>

namespace hinomi::evidence {

// The reserved organisation whose log holds acts that concern no organisation. Nobody can belong to it.
inline constexpr std::string_view kCentre = "centre";

class Evidence {
 public:
  // Opens every log below the folder, and makes the centre's own if it is not there. `name`: of the centre, which begins origins.
  static base::Result<std::unique_ptr<Evidence>> open(base::fs::path folder, proof::SigningKey key,
                                                      const base::Clock& clock, std::string name,
                                                      LogOptions options = {});

  // The log of an organisation; made if it is not there.
  base::Result<EvidenceLog*> create(const model::OrganisationId& organisation);
  // not_found if the organisation has none.
  [[nodiscard]] base::Result<EvidenceLog*> log(const model::OrganisationId& organisation) const;
  [[nodiscard]] EvidenceLog& centre() const { return *centre_; }
  // All, the centre's own first, then by name.
  [[nodiscard]] std::vector<EvidenceLog*> logs() const;
  [[nodiscard]] proof::VerifierKey verifier() const { return key_.verifier(); }
  [[nodiscard]] std::string origin_of(const model::OrganisationId& organisation) const;
  void close();  // all logs

 private:
  Evidence(base::fs::path folder, proof::SigningKey key, const base::Clock& clock, std::string name,
           LogOptions options);
  const base::fs::path folder_;
  const proof::SigningKey key_;
  const base::Clock& clock_;
  const std::string name_;
  const LogOptions options_;
  mutable base::Mutex mutex_;
  std::map<model::OrganisationId, std::unique_ptr<EvidenceLog>> logs_ HINOMI_GUARDED_BY(mutex_);
  EvidenceLog* centre_ = nullptr;
};

}  // namespace hinomi::evidence
