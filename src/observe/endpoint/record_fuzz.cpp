#include <hinomi/observe/endpoint/record.hpp>

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)hinomi::observe::endpoint::decode_record(bytes);
  // As a stream, the way the iterator's output is cut.
  std::string_view rest = bytes;
  while (const std::size_t length = hinomi::observe::endpoint::size_of_record(rest)) {
    (void)hinomi::observe::endpoint::decode_record(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  return 0;
}
