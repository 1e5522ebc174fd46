#include <hinomi/evidence/entry.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto leaf = hinomi::evidence::decode_leaf({reinterpret_cast<const char*>(bytes), size});
  if (leaf) {
    const auto again = hinomi::evidence::decode_leaf(hinomi::evidence::encode(*leaf));
    if (!again || *again != *leaf) __builtin_trap();
  }
  return 0;
}
