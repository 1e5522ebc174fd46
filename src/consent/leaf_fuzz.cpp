#include <hinomi/consent/leaf.hpp>
#include <hinomi/consent/receipt.hpp>
#include <hinomi/consent/trust.hpp>

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hinomi;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto leaf = consent::decode_leaf(input)) {
    const auto again = consent::decode_leaf(consent::encode(*leaf));
    if (!again || !(*again == *leaf)) __builtin_trap();
  }
  if (const auto record = consent::decode_record(input)) {
    (void)consent::decompress_frame(record->frame);
  }
  (void)consent::parse_trust(input);
  static const proof::VerifierKey key = [] {
    base::SystemRandom random;
    return proof::SigningKey::generate("c/evidence/o", random).verifier();
  }();
  (void)consent::open_receipt(input, key, "c/evidence/o", {});
  return 0;
}
