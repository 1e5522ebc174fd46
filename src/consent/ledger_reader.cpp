#include <hinomi/consent/ledger_reader.hpp>

#include <fmt/core.h>

#include <set>

namespace hinomi::consent {

using base::Errc;
using base::fail;
using base::Result;
using base::Status;

Result<std::unique_ptr<LedgerReader>> LedgerReader::open(base::fs::path folder, std::string origin,
                                                         const proof::VerifierKey& key) {
  auto log = TRY(tlog::LogReader::open(std::move(folder), std::move(origin), key));
  return std::unique_ptr<LedgerReader>(new LedgerReader(std::move(log)));
}

Result<std::optional<Stored>> LedgerReader::next_at(std::uint64_t index) const {
  if (index >= log_->size()) return std::optional<Stored>();
  Stored out{.index = index, .leaf = TRY(log_->leaf(index)), .salt = {}, .frame = {}};
  const auto payload = log_->payload(index);
  if (!payload && payload.error().code == Errc::not_found) return std::optional<Stored>(std::move(out));
  if (!payload) return fail(payload.error());
  SpoolRecord record = TRY(decode_record(*payload));
  const LedgerLeaf leaf = TRY(decode_leaf(out.leaf));
  if (const Status checked = check_frame(leaf, record); !checked)
    return fail(checked.error().within(fmt::format("leaf {}", index)));
  out.salt = std::move(record.salt);
  out.frame = std::move(record.frame);
  return std::optional<Stored>(std::move(out));
}

Result<LedgerReader::Opened> LedgerReader::open_entry(std::uint64_t index) const {
  const base::Bytes leaf = TRY(log_->leaf(index));
  const base::Bytes payload = TRY(log_->payload(index));
  Opened out{.leaf = TRY(decode_leaf(leaf)), .events = {}};
  const SpoolRecord record = TRY(decode_record(payload));
  auto events = open_record(out.leaf, record);
  if (!events) return fail(events.error().within(fmt::format("leaf {}", index)));
  out.events = std::move(*events);
  return out;
}

Result<LedgerAudit> verify_ledger(const base::fs::path& folder, std::string_view origin, const proof::VerifierKey& key,
                                  const tlog::Progress& progress) {
  LedgerAudit out;
  std::optional<base::Digest> previous;
  std::set<std::uint64_t> epochs;
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  const auto check = [&](std::uint64_t index, base::ByteView bytes,
                         const std::optional<base::ByteView>& payload) -> Status {
    const auto wrong = [&](std::string_view what) {
      return fail(Errc::corrupt, fmt::format("leaf {}: {}", index, what));
    };
    const auto leaf = decode_leaf(bytes);
    if (!leaf) return wrong(leaf.error().what);
    if (leaf->previous != previous) return wrong("does not name the hash of the leaf before");
    previous = proof::leaf_hash(bytes);
    if (leaf->epoch != epoch) {
      if (!epochs.insert(leaf->epoch).second) return wrong("goes back to an earlier epoch");
      epoch = leaf->epoch;
      sequence = 0;
    }
    if (leaf->events() > 0) {
      if (leaf->first_sequence != sequence + 1)
        return wrong(fmt::format("begins with event {}, expected {}", leaf->first_sequence, sequence + 1));
      sequence = leaf->last_sequence;
    }
    out.events += leaf->events();
    out.lost += leaf->lost;
    for (const auto& [kind, count] : leaf->withheld) out.withheld += count;
    if (!payload) return {};
    const auto record = decode_record(*payload);
    if (!record) return wrong(record.error().what);
    const auto events = open_record(*leaf, *record);
    if (!events) return wrong(events.error().what);
    Counts counts;
    for (const model::Event& event : *events) ++counts[event.kind];
    if (counts != leaf->counts) return wrong("holds other events than it says");
    for (std::size_t i = 0; i < events->size(); ++i)
      if ((*events)[i].id.sequence != leaf->first_sequence + i) return wrong("its events are not numbered in order");
    return {};
  };
  out.log = TRY(tlog::verify_log(folder, origin, key, check, progress));
  out.epochs = epochs.size();
  return out;
}

}  // namespace hinomi::consent
