#include <hinomi/link/check.hpp>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace hinomi;
  const base::ByteView bytes(reinterpret_cast<const char*>(data), size);
  if (const auto receipt = link::decode_receipt(bytes)) {
    const auto again = link::decode_receipt(link::encode(*receipt));
    if (!again || *again != *receipt) __builtin_trap();
    (void)link::progress_of(*receipt, 0);
  }
  if (const auto answer = link::decode_answer(bytes)) {
    const auto again = link::decode_answer(link::encode(*answer));
    if (!again || *again != *answer) __builtin_trap();
    (void)link::decode_entry_leaf(answer->leaf);
  }
  (void)link::decode_entry_leaf(bytes);
  return 0;
}
