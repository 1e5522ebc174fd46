#include <hinomi/model/event.hpp>

// What decodes must encode to something that decodes to the same event.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace hinomi::model;
  const auto events = decode_events({reinterpret_cast<const char*>(data), size}, {}, 7);
  if (!events) return 0;
  const auto again = decode_events(encode_events(*events), {}, 7);
  if (!again || *again != *events) __builtin_trap();
  for (const Event& event : *events) (void)to_json({.event = event, .provenance = {}});
  return 0;
}
