// The console's Gate over access and its Logs over evidence: what any centre does the same way.
// Owns:    nothing; borrows. Threads: any.
#pragma once

#include <hinomi/access/access.hpp>
#include <hinomi/console/services.hpp>
#include <hinomi/evidence/evidence.hpp>

namespace hinomi::console {

class AccessGate final : public Gate {
 public:
  // `log`: the centre's own, where the use of a login link is written before it counts.
  AccessGate(access::Access& access, evidence::EvidenceLog& log, const base::Clock& clock)
      : access_(access), log_(log), clock_(clock) {}
  [[nodiscard]] bool has_account() const override { return access_.has_account(); }
  base::Result<access::Principal> redeem_login(std::string_view token) override;
  [[nodiscard]] base::Result<access::Principal> account(std::string_view name) const override {
    return access_.principal_of_account(name);
  }
  [[nodiscard]] base::Result<access::Principal> api_key(std::string_view key) const override {
    return access_.principal_of_key(key);
  }

 private:
  access::Access& access_;
  evidence::EvidenceLog& log_;
  const base::Clock& clock_;
};

class EvidenceLogs final : public Logs {
 public:
  explicit EvidenceLogs(const evidence::Evidence& evidence) : evidence_(evidence) {}
  [[nodiscard]] std::vector<LogSummary> list() const override;
  [[nodiscard]] base::Result<LogCheckpoint> checkpoint(std::string_view organisation) const override;
  [[nodiscard]] base::Result<LogProof> entry(std::string_view organisation, std::uint64_t index) const override;

 private:
  [[nodiscard]] base::Result<const evidence::EvidenceLog*> named(std::string_view organisation) const;
  [[nodiscard]] LogCheckpoint checkpoint_of(const tlog::Signed& state) const;

  const evidence::Evidence& evidence_;
};

}  // namespace hinomi::console
