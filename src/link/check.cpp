#include <hinomi/link/check.hpp>

#include <fmt/format.h>

namespace hinomi::link {
namespace {

using base::Errc;

std::unexpected<Refusal> refuse(Errc code, std::string what, bool fork = false) {
  return std::unexpected(Refusal{{code, std::move(what)}, fork});
}
std::unexpected<Refusal> refuse(const base::Error& error) { return std::unexpected(Refusal{error, false}); }

// The events of a frame, if they are exactly those that the leaf says.
base::Result<std::vector<model::Event>> open_frame(const Leaf& leaf, base::ByteView frame) {
  const base::Bytes content = TRY(decompress_frame(frame));
  std::vector<model::Event> events = TRY(model::decode_events(content, leaf.sensor, leaf.epoch));
  if (events.size() != leaf.events())
    return base::fail(Errc::malformed,
                      fmt::format("frame: holds {} events, its leaf says {}", events.size(), leaf.events()));
  std::map<std::uint32_t, std::uint64_t> counts;
  std::uint64_t sequence = leaf.first_sequence;
  for (const model::Event& event : events) {
    ++counts[static_cast<std::uint32_t>(event.kind)];
    if (event.id.sequence != sequence++)
      return base::fail(Errc::malformed, "frame: its events are not numbered as its leaf says");
  }
  if (counts != leaf.counts) return base::fail(Errc::malformed, "frame: its counts are not its leaf's");
  return events;
}

}  // namespace

std::expected<Accepted, Refusal> check_batch(const Sender& sender, const Progress& progress, base::ByteView bytes) {
  // 1. Form and sizes.
  auto batch = decode_batch(bytes);
  if (!batch) return refuse(batch.error());
  auto leaf = decode_leaf(batch->leaf);
  if (!leaf) return refuse(leaf.error());

  // 2. Whose it is: certificate, batch and leaf name the same sensor.
  if (batch->organisation != sender.organisation || batch->system != sender.system)
    return refuse(Errc::forbidden, "batch: organisation or system is not the certificate's");
  if (batch->sensor != sender.sensor || leaf->sensor != sender.sensor)
    return refuse(Errc::forbidden, "batch: the sensor is not the certificate's");

  // 3. The ledger's own signature on how it stands.
  if (!sender.ledger_key) return refuse(Errc::internal, "the sensor has no ledger key");
  auto checkpoint = proof::open_checkpoint(batch->checkpoint, *sender.ledger_key, sender.ledger_origin);
  if (!checkpoint) return refuse(checkpoint.error().within("batch: checkpoint"));
  if (progress.forked)
    return refuse(Errc::forbidden, "this sensor's ledger went back or was rewritten before: a person must settle that",
                  true);

  // 4. Where it belongs: the last accepted batch again, or the next.
  const proof::Hash leaf_hash = proof::leaf_hash(batch->leaf);
  Accepted accepted{.leaf = *leaf, .leaf_hash = leaf_hash, .next = progress};
  if (progress.leaves > 0 && batch->leaf_index == progress.leaves - 1) {
    if (leaf_hash != progress.last_leaf)
      return refuse(Errc::conflict, fmt::format("batch: another leaf {} was accepted before", batch->leaf_index), true);
    accepted.batch = std::move(*batch);
    accepted.replay = true;
    return accepted;
  }
  if (batch->leaf_index != progress.leaves)
    return refuse(Errc::conflict,
                  fmt::format("batch: leaf {} came, leaf {} is next", batch->leaf_index, progress.leaves));

  // 5. The ledger only grew: consistent with the last accepted checkpoint.
  if (batch->consistent_with != progress.checkpoint.size)
    return refuse(Errc::conflict,
                  fmt::format("batch: its consistency proof begins at size {}, size {} was accepted last",
                              batch->consistent_with, progress.checkpoint.size));
  if (checkpoint->size < progress.checkpoint.size)
    return refuse(
        Errc::conflict,
        fmt::format("batch: the ledger went back from size {} to {}", progress.checkpoint.size, checkpoint->size),
        true);
  const proof::Hash old_root = progress.checkpoint.size == 0 ? proof::empty_root() : progress.checkpoint.root;
  const base::Status consistent = proof::verify_consistency(progress.checkpoint.size, old_root, checkpoint->size,
                                                            checkpoint->root, batch->consistency);
  // A path that cannot be one for these sizes is the sender's mistake and shows nothing about its ledger.
  if (!consistent && consistent.error().code == Errc::conflict)
    return refuse(Errc::conflict,
                  fmt::format("batch: the ledger of size {} does not contain the one of size {} that was accepted",
                              checkpoint->size, progress.checkpoint.size),
                  true);
  if (!consistent) return refuse(consistent.error().within("batch: consistency"));

  // 6. It includes the leaf.
  const base::Status included =
      proof::verify_inclusion(leaf_hash, batch->leaf_index, checkpoint->size, batch->inclusion, checkpoint->root);
  if (!included) return refuse(Errc::forbidden, "batch: inclusion: " + included.error().what);

  // 7. The leaf follows from the one before.
  const bool first = progress.leaves == 0;
  if (first ? leaf->previous.has_value() : leaf->previous != progress.last_leaf)
    return refuse(Errc::conflict, "batch: its leaf does not name the leaf before");
  const bool same_epoch = !first && leaf->epoch == progress.epoch;
  const std::uint64_t expected = same_epoch ? progress.last_sequence + 1 : 1;
  if (leaf->events() > 0 && leaf->first_sequence != expected)
    return refuse(Errc::conflict, fmt::format("batch: its events begin at {}, {} is next{}", leaf->first_sequence,
                                              expected, same_epoch ? "" : " in a new epoch"));

  // 8. The frame is the one that the leaf commits to.
  accepted.payload_missing = batch->frame.empty() && leaf->frame_length > 0;
  if (!batch->frame.empty()) {
    if (batch->frame.size() != leaf->frame_length || base::sha256({batch->salt, batch->frame}) != leaf->frame_digest)
      return refuse(Errc::forbidden, "batch: its frame is not the one that its leaf commits to");
    // 9. Only now is it opened.
    auto events = open_frame(*leaf, batch->frame);
    if (!events) return refuse(events.error());
    accepted.events = std::move(*events);
  }

  accepted.next.leaves = progress.leaves + 1;
  accepted.next.last_leaf = leaf_hash;
  accepted.next.checkpoint = *checkpoint;
  accepted.next.epoch = leaf->epoch;
  accepted.next.last_sequence = leaf->events() > 0 ? leaf->last_sequence : same_epoch ? progress.last_sequence : 0;
  accepted.batch = std::move(*batch);
  return accepted;
}

base::Result<Progress> progress_of(const Receipt& receipt, std::uint64_t receipt_entry) {
  Progress out;
  out.leaves = receipt.leaf_index + 1;
  out.last_leaf = receipt.leaf_hash;
  // The note was verified before the receipt was written; its text ends at the empty line.
  const std::size_t end = receipt.sensor_checkpoint.find("\n\n");
  if (end == std::string::npos) return base::fail(Errc::corrupt, "receipt: its checkpoint is no note");
  out.checkpoint = TRY(proof::parse_checkpoint(receipt.sensor_checkpoint.substr(0, end + 1)));
  out.epoch = receipt.epoch;
  out.last_sequence = receipt.last_sequence;
  out.receipt_entry = receipt_entry;
  return out;
}

Receipt make_receipt(const Accepted& accepted, std::uint64_t batch_entry, const proof::Hash& batch_entry_hash,
                     base::Time received) {
  return {accepted.leaf_hash, accepted.batch.leaf_index, accepted.batch.checkpoint,  batch_entry, batch_entry_hash,
          received,           accepted.next.epoch,       accepted.next.last_sequence};
}

base::Result<VerifiedAnswer> verify_answer(const ReceiptAnswer& answer, const EvidenceView& view, const Sender& sender,
                                           const proof::Hash& leaf_hash, std::uint64_t leaf_index) {
  if (!view.key) return base::fail(Errc::internal, "no key of the evidence log is pinned");
  const proof::Checkpoint checkpoint = TRY(proof::open_checkpoint(answer.checkpoint, *view.key, view.origin));
  const base::Status included = proof::verify_inclusion(proof::leaf_hash(answer.leaf), answer.entry, checkpoint.size,
                                                        answer.inclusion, checkpoint.root);
  if (!included) return base::fail(Errc::forbidden, "receipt: inclusion: " + included.error().what);
  const EntryLeaf entry = TRY(decode_entry_leaf(answer.leaf));
  if (entry.kind != 2 || entry.organisation != sender.organisation.text() || entry.system != sender.system.text() ||
      entry.sensor != sender.sensor.uuid.bytes())
    return base::fail(Errc::forbidden, "receipt: the entry is no receipt for this sensor");
  VerifiedAnswer out{TRY(decode_receipt(entry.inline_payload)), view};
  if (out.receipt.leaf_hash != leaf_hash || out.receipt.leaf_index != leaf_index)
    return base::fail(Errc::forbidden, "receipt: it speaks for another batch");
  if (checkpoint.size > view.size) {
    if (answer.consistent_with != view.size)
      return base::fail(Errc::malformed, "receipt: its consistency proof begins elsewhere");
    const base::Status consistent =
        proof::verify_consistency(view.size, view.root, checkpoint.size, checkpoint.root, answer.consistency);
    if (!consistent)
      return base::fail(Errc::conflict, "the centre's evidence log was rewritten: " + consistent.error().what);
    out.view.size = checkpoint.size;
    out.view.root = checkpoint.root;
  } else if (checkpoint.size == view.size && checkpoint.root != view.root) {
    return base::fail(Errc::conflict, "the centre's evidence log was rewritten: two trees of the same size");
  } else if (checkpoint.size < view.size) {
    return base::fail(Errc::conflict, fmt::format("the centre's evidence log went back from size {} to {}", view.size,
                                                  checkpoint.size));
  }
  return out;
}

}  // namespace hinomi::link
