#include <audit.hpp>

#include <hinomi/evidence/evidence.hpp>

#include <fmt/core.h>

#include <algorithm>

namespace hinomi::centre {

using base::Errc;
using base::fail;
using evidence::EntryKind;

// What one log said so far.
struct Auditor::Walk {
  std::string origin;
  model::OrganisationId organisation;
  base::Time last_received;
  std::map<model::SensorId, link::Progress> progress;
  std::optional<link::Receipt> expected;  // of the batch just before
  LogAudit out;
};

base::Result<Auditor> Auditor::open(const Config& config) {
  const base::fs::path file = config.data / "keys" / "evidence.vkey";
  const base::Bytes text = TRY(base::read_file(file, 4096));
  auto key = proof::VerifierKey::parse(std::string_view(text).substr(0, text.find('\n')));
  if (!key) return fail(key.error().within(file.string()));
  return Auditor(config.name, config.data / "logs", std::move(*key));
}

base::Result<std::vector<model::OrganisationId>> Auditor::organisations() const {
  std::vector<model::OrganisationId> out;
  std::error_code error;
  for (base::fs::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error))
    if (auto id = model::OrganisationId::parse(entry->path().filename().string())) out.push_back(std::move(*id));
  if (error) return fail(base::error_from_errno(error.value(), folder_.string()));
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return std::pair(a.text() != evidence::kCentre, a) < std::pair(b.text() != evidence::kCentre, b);
  });
  return out;
}

base::Status Auditor::check_batch(Walk& walk, const evidence::Entry& entry) {
  if (!entry.leaf.sensor) return fail(Errc::corrupt, "a batch of no sensor");
  const auto sensor = access_->sensor(*entry.leaf.sensor);
  if (!sensor || sensor->organisation != walk.organisation || sensor->system != entry.leaf.system)
    return fail(Errc::corrupt, fmt::format("sensor {} was not enrolled for it before", entry.leaf.sensor->text()));
  link::Sender sender{.organisation = sensor->organisation,
                      .system = sensor->system,
                      .sensor = sensor->id,
                      .host = sensor->host,
                      .host_name = sensor->host_name,
                      .ledger_origin = fmt::format("{}/ledger/{}", name_, sensor->id.text()),
                      .ledger_key = TRY(proof::VerifierKey::parse(sensor->ledger_vkey))};
  link::Progress& progress = walk.progress[sensor->id];
  auto accepted = link::check_batch(sender, progress, entry.payload);
  if (!accepted) return fail(accepted.error().error);
  if (accepted->replay) return fail(Errc::corrupt, "the batch was recorded before");
  walk.expected =
      link::make_receipt(*accepted, entry.index, proof::leaf_hash(evidence::encode(entry.leaf)), entry.leaf.received);
  progress = accepted->next;
  ++walk.out.batches;
  walk.out.events += accepted->events.size();
  return {};
}

base::Status Auditor::check_receipt(Walk& walk, const evidence::Entry& entry) const {
  const link::Receipt receipt = TRY(link::decode_receipt(entry.payload));
  if (!walk.expected || receipt != *walk.expected)
    return fail(Errc::corrupt, "the receipt does not say what its batch is");
  walk.expected.reset();
  ++walk.out.receipts;
  return {};
}

base::Result<LogAudit> Auditor::verify(const model::OrganisationId& organisation) {
  Walk walk{.origin = fmt::format("{}/evidence/{}", name_, organisation.text()),
            .organisation = organisation,
            .last_received = {},
            .progress = {},
            .expected = {},
            .out = {}};
  const auto check = [&](std::uint64_t index, base::ByteView bytes,
                         const std::optional<base::ByteView>& payload) -> base::Status {
    evidence::Leaf leaf = TRY(evidence::decode_leaf(bytes));
    if (leaf.organisation != organisation)
      return fail(Errc::corrupt, fmt::format("belongs to '{}'", leaf.organisation.text()));
    if (index > 0 && leaf.received <= walk.last_received)
      return fail(Errc::corrupt, "was received before the entry before it");
    walk.last_received = leaf.received;
    if (walk.expected && leaf.kind != EntryKind::receipt)
      return fail(Errc::corrupt, "the batch before it has no receipt");
    if (!leaf.inline_payload && !payload) return {};  // retention removed it; leaf and tree are checked
    base::Bytes content = leaf.inline_payload ? *leaf.inline_payload : base::Bytes(*payload);
    const evidence::Entry entry = TRY(evidence::make_entry(index, std::move(leaf), std::move(content)));
    if (entry.leaf.kind == EntryKind::batch) return check_batch(walk, entry);
    if (entry.leaf.kind == EntryKind::receipt) return check_receipt(walk, entry);
    const access::Act act = TRY(access::decode_act(entry.payload));
    (void)access_->apply(act, entry.leaf.received);  // what is refused had no effect
    ++walk.out.acts;
    return {};
  };
  auto audit = tlog::verify_log(
      folder_ / organisation.text(), walk.origin, key_,
      [&](std::uint64_t index, base::ByteView bytes, const std::optional<base::ByteView>& payload) -> base::Status {
        auto status = check(index, bytes, payload);
        if (!status) return fail(status.error().within(fmt::format("{}, entry {}", walk.origin, index)));
        return {};
      });
  if (!audit) return fail(audit.error());
  walk.out.tiles = std::move(*audit);
  walk.out.sensors = walk.progress.size();
  return std::move(walk.out);
}

}  // namespace hinomi::centre
