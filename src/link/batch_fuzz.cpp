#include <hinomi/link/check.hpp>

namespace {

using namespace hinomi;

// A key of the fuzzer's own; the proofs never hold for what it makes, the parsers in front of them are what is tried.
const proof::SigningKey& key() {
  static base::SystemRandom random;
  static const proof::SigningKey made = proof::SigningKey::generate("fuzz", random);
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const base::ByteView bytes(reinterpret_cast<const char*>(data), size);
  if (const auto batch = link::decode_batch(bytes)) {
    const auto again = link::decode_batch(link::encode(*batch));
    if (!again || *again != *batch) __builtin_trap();
    link::Sender sender{batch->organisation, batch->system, batch->sensor, {}, "", "fuzz", key().verifier()};
    (void)link::check_batch(sender, {}, bytes);
  }
  if (const auto leaf = link::decode_leaf(bytes)) {
    const auto again = link::decode_leaf(link::encode(*leaf));
    if (!again || *again != *leaf) __builtin_trap();
  }
  (void)link::decompress_frame(bytes);
  return 0;
}
