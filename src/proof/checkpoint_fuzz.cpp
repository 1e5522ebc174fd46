#include <hinomi/proof/checkpoint.hpp>

#include <cstddef>

// A checkpoint that parses is written back as the same bytes: there is one text for one checkpoint.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto checkpoint = hinomi::proof::parse_checkpoint(input))
    HINOMI_CHECK(hinomi::proof::to_text(*checkpoint) == input);
  return 0;
}
