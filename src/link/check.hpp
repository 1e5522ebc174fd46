// Whether a batch follows from what the centre accepted before: every check of docs/architecture.md on the link, in one pure
// function, cheapest first, and nothing is decompressed before the proofs hold.
// Threads: values and pure functions.
// Fails:   Refusal, with the code that the sender gets and what it needs to go on.
#pragma once

#include <hinomi/link/batch.hpp>
#include <hinomi/proof/checkpoint.hpp>

#include <expected>

namespace hinomi::link {

// How far the centre has come with one sensor's ledger. Known again from the receipts alone.
struct Progress {
  std::uint64_t leaves = 0;      // leaves accepted: the next leaf's index
  proof::Hash last_leaf;         // hash of the last accepted leaf
  proof::Checkpoint checkpoint;  // the last accepted; size 0 before the first
  std::uint64_t epoch = 0;
  std::uint64_t last_sequence = 0;  // in that epoch
  std::uint64_t receipt_entry = 0;  // where the last receipt stands in the evidence log
  bool forked = false;              // a fork was seen: nothing more is accepted until a person settles it
  bool operator==(const Progress&) const = default;
};

// Who a batch must come from, as the certificate and Access say.
struct Sender {
  model::OrganisationId organisation;
  model::SystemId system;
  model::SensorId sensor;
  model::HostId host;
  std::string host_name;
  std::string ledger_origin;
  std::optional<proof::VerifierKey> ledger_key;
};

struct Refusal {
  base::Error error;
  // The ledger that was shown contradicts the one that was accepted, under the ledger key's own signature: went back, or was
  // rewritten. Kept for a person.
  bool fork = false;
};

// A batch that holds. `replay`: the last accepted one came again; nothing changes, its receipt is to be sent again.
struct Accepted {
  Batch batch;
  Leaf leaf;
  proof::Hash leaf_hash;
  Progress next;  // once the batch is durable; receipt_entry is for the sink's answer to fill in
  bool replay = false;
  bool payload_missing =
      false;  // the leaf has a frame, but the spool had to drop it: its events are lost, and counted in the leaf
  std::vector<model::Event> events;
};

// conflict: does not follow (older, skips, repeats); forbidden: not the certificate's, not the ledger key's, proof does not hold;
// malformed, too_large: the batch, its leaf or its frame.
std::expected<Accepted, Refusal> check_batch(const Sender& sender, const Progress& progress, base::ByteView bytes);

// The progress that a receipt stands for.
base::Result<Progress> progress_of(const Receipt& receipt, std::uint64_t receipt_entry);

// The receipt that the centre signs for an accepted batch, once it is known where the batch stands.
Receipt make_receipt(const Accepted& accepted, std::uint64_t batch_entry, const proof::Hash& batch_entry_hash,
                     base::Time received);

// What the sender believes of its organisation's evidence log: pinned at enrolment, then only ever growing.
struct EvidenceView {
  std::string origin;
  std::optional<proof::VerifierKey> key;
  std::uint64_t size = 0;  // of the last verified checkpoint
  proof::Hash root = proof::empty_root();
};
// Checks that the answer's receipt speaks for this leaf, stands in the evidence log, and that this log only grew since `view`.
// Returns the receipt and the new view. forbidden, malformed; conflict if the log was rewritten.
struct VerifiedAnswer {
  Receipt receipt;
  EvidenceView view;
};
base::Result<VerifiedAnswer> verify_answer(const ReceiptAnswer& answer, const EvidenceView& view, const Sender& sender,
                                           const proof::Hash& leaf_hash, std::uint64_t leaf_index);

}  // namespace hinomi::link
