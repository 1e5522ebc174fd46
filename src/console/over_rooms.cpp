#include <hinomi/console/over_rooms.hpp>

namespace hinomi::console {

base::Result<access::Principal> AccessGate::redeem_login(std::string_view token) {
  base::Lock lock(access_.changing());
  const base::Time now = clock_.now();
  const auto link = access_.usable_login_link(token, now);
  // Unknown, used and old links are told apart in the log, not to whoever asks.
  if (!link)
    return base::fail(base::Errc::unauthenticated, "this login link is not good: it works once, for ten minutes");
  access::Principal who = TRY(access_.principal_of_account(link->account));
  const access::Act act = access::login_used_act(*link);
  evidence::Draft draft;
  draft.kind = evidence::EntryKind::act;
  draft.payload = access::encode(act);
  const evidence::Appended appended = TRY(log_.append(std::move(draft)));
  TRY_VOID(access_.apply(act, appended.first.received));
  return who;
}

std::vector<LogSummary> EvidenceLogs::list() const {
  std::vector<LogSummary> out;
  for (const evidence::EvidenceLog* log : evidence_.logs())
    out.push_back({.organisation = log->organisation().text(), .origin = log->origin(), .size = log->size()});
  return out;
}

base::Result<const evidence::EvidenceLog*> EvidenceLogs::named(std::string_view organisation) const {
  if (organisation == evidence::kCentre) return &evidence_.centre();
  const auto name = model::OrganisationId::parse(organisation);
  if (!name) return base::fail(base::Errc::not_found, "there is no such log");
  return TRY(evidence_.log(*name));
}

LogCheckpoint EvidenceLogs::checkpoint_of(const tlog::Signed& state) const {
  return {.origin = state.checkpoint.origin,
          .size = state.checkpoint.size,
          .note = state.note,
          .vkey = evidence_.verifier().text()};
}

base::Result<LogCheckpoint> EvidenceLogs::checkpoint(std::string_view organisation) const {
  const evidence::EvidenceLog* log = TRY(named(organisation));
  return checkpoint_of(log->checkpoint());
}

base::Result<LogProof> EvidenceLogs::entry(std::string_view organisation, std::uint64_t index) const {
  const evidence::EvidenceLog* log = TRY(named(organisation));
  const evidence::Proof proof = TRY(log->prove(index));
  const evidence::Leaf leaf = TRY(evidence::decode_leaf(proof.leaf));
  return LogProof{.checkpoint = checkpoint_of(proof.checkpoint),
                  .index = index,
                  .leaf = proof.leaf,
                  .leaf_hash = proof.leaf_hash,
                  .path = proof.path,
                  .kind = std::string(evidence::name_of(leaf.kind)),
                  .received = leaf.received,
                  .system = leaf.system.text(),
                  .sensor = leaf.sensor ? leaf.sensor->text() : std::string(),
                  .payload_digest = leaf.payload_digest,
                  .payload_length = leaf.payload_length};
}

}  // namespace hinomi::console
