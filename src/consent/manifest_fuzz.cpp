#include <hinomi/consent/filter.hpp>

#include <cstdint>

// A manifest is signed, but the key may have been used in haste; the arguments it redacts are anybody's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t half = input.find('\0');
  const auto manifest = hinomi::consent::Manifest::parse(input.substr(0, half));
  if (manifest && half != std::string_view::npos) {
    std::string arguments(input.substr(half));
    hinomi::consent::redact_arguments(*manifest, arguments);
  }
  return 0;
}
