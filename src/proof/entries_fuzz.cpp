#include <hinomi/proof/tile.hpp>

#include <cstddef>

// The first byte chooses the width; a bundle that parses is written back as the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const hinomi::base::ByteView bundle(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto entries = hinomi::proof::parse_entries(bundle, data[0] + 1U);
  if (!entries) return 0;
  hinomi::base::Bytes again;
  for (const auto entry : *entries) hinomi::proof::put_entry(again, entry);
  HINOMI_CHECK(again == bundle && entries->size() == data[0] + 1U);
  return 0;
}
