#include <hinomi/evidence/evidence.hpp>

#include <fmt/core.h>

namespace hinomi::evidence {

Evidence::Evidence(base::fs::path folder, proof::SigningKey key, const base::Clock& clock, std::string name,
                   LogOptions options)
    : folder_(std::move(folder)),
      key_(std::move(key)),
      clock_(clock),
      name_(std::move(name)),
      options_(std::move(options)) {}

base::Result<std::unique_ptr<Evidence>> Evidence::open(base::fs::path folder, proof::SigningKey key,
                                                       const base::Clock& clock, std::string name, LogOptions options) {
  TRY_VOID(base::make_folder(folder));
  std::unique_ptr<Evidence> out(new Evidence(folder, std::move(key), clock, std::move(name), std::move(options)));
  const auto own = model::OrganisationId::parse(kCentre);
  out->centre_ = TRY(out->create(*own));
  std::error_code error;
  for (base::fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const auto organisation = model::OrganisationId::parse(entry->path().filename().string());
    if (organisation && entry->is_directory(error)) TRY_VOID(out->create(*organisation));
  }
  if (error) return base::fail(base::error_from_errno(error.value(), fmt::format("reading {}", folder.string())));
  return out;
}

std::string Evidence::origin_of(const model::OrganisationId& organisation) const {
  return fmt::format("{}/evidence/{}", name_, organisation.text());
}

base::Result<EvidenceLog*> Evidence::create(const model::OrganisationId& organisation) {
  const base::Lock lock(mutex_);
  if (const auto there = logs_.find(organisation); there != logs_.end()) return there->second.get();
  auto log =
      EvidenceLog::open(folder_ / organisation.text(), origin_of(organisation), organisation, key_, clock_, options_);
  if (!log) return base::fail(log.error().within(fmt::format("evidence of '{}'", organisation.text())));
  return logs_.emplace(organisation, std::move(*log)).first->second.get();
}

base::Result<EvidenceLog*> Evidence::log(const model::OrganisationId& organisation) const {
  const base::Lock lock(mutex_);
  const auto there = logs_.find(organisation);
  if (there == logs_.end())
    return base::fail(base::Errc::not_found, fmt::format("there is no organisation '{}'", organisation.text()));
  return there->second.get();
}

std::vector<EvidenceLog*> Evidence::logs() const {
  std::vector<EvidenceLog*> out{centre_};
  const base::Lock lock(mutex_);
  for (const auto& [organisation, log] : logs_)
    if (log.get() != centre_) out.push_back(log.get());
  return out;
}

void Evidence::close() {
  for (EvidenceLog* log : logs()) log->close();
}

}  // namespace hinomi::evidence
