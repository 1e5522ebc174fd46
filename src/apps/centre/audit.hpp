// The evidence logs checked from their files alone, without the running centre: every entry, every payload's digest, every batch's
// proof in its sensor's ledger (key as enrolled, consistency from batch to batch, sequence), and every receipt against its batch.
// Owns:    what the acts said so far. Threads: one. Fails: Errc::corrupt with log and entry; what tlog::verify_log says.
#pragma once

#include <config.hpp>

#include <hinomi/access/access.hpp>
#include <hinomi/evidence/entry.hpp>
#include <hinomi/link/check.hpp>
#include <hinomi/tlog/verify.hpp>

#include <map>

namespace hinomi::centre {

struct LogAudit {
  tlog::Audit tiles;
  std::uint64_t batches = 0;
  std::uint64_t events = 0;
  std::uint64_t receipts = 0;
  std::uint64_t acts = 0;
  std::uint64_t sensors = 0;
};

class Auditor {
 public:
  static base::Result<Auditor> open(const Config& config);
  // The centre's own first.
  [[nodiscard]] base::Result<std::vector<model::OrganisationId>> organisations() const;
  // The centre's own log must be the first: the others' acts rest on it.
  base::Result<LogAudit> verify(const model::OrganisationId& organisation);

 private:
  struct Walk;
  Auditor(std::string name, base::fs::path folder, proof::VerifierKey key)
      : name_(std::move(name)),
        folder_(std::move(folder)),
        key_(std::move(key)),
        access_(std::make_unique<access::Access>()) {}
  base::Status check_batch(Walk& walk, const evidence::Entry& entry);
  base::Status check_receipt(Walk& walk, const evidence::Entry& entry) const;

  std::string name_;
  base::fs::path folder_;
  proof::VerifierKey key_;
  std::unique_ptr<access::Access> access_;
};

}  // namespace hinomi::centre
