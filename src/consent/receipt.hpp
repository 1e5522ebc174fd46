// A receipt as the uplink hands it to the probe through inbox/: proof that the centre's evidence log holds a batch.
//   <signed checkpoint of the evidence log>        a note; its signature is verified before anything else is looked at
//   hinomi-receipt v1
//   <index of the receipt's entry>
//   <base64 of that entry's leaf: EvidenceLeaf with the Receipt inline>
//   <base64 of each hash of its inclusion path, one a line>
// Owns:    nothing.
// Threads: pure functions.
// Fails:   as proof::open_note for the signature, Errc::malformed, too_large (64 KiB), Errc::forbidden for a proof that
//          does not hold or a receipt for another sensor.
#pragma once

#include <hinomi/base/digest.hpp>
#include <hinomi/base/time.hpp>
#include <hinomi/model/ids.hpp>
#include <hinomi/proof/checkpoint.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace hinomi::consent {

inline constexpr std::size_t kMaxReceipt = 64U << 10;

struct SealedReceipt {
  std::string checkpoint;  // signed note
  std::uint64_t entry = 0;
  base::Bytes leaf;  // EvidenceLeaf
  std::vector<proof::Hash> inclusion;
};
std::string to_text(const SealedReceipt& receipt);

// What the probe acts on.
struct Receipt {
  std::uint64_t leaf_index = 0;
  base::Digest leaf_hash;
  std::uint64_t batch_entry = 0;
  base::Time received;
};
base::Result<Receipt> open_receipt(std::string_view text, const proof::VerifierKey& evidence_key,
                                   std::string_view evidence_origin, const model::SensorId& sensor);

}  // namespace hinomi::consent
