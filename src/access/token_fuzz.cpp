#include <hinomi/access/secret.hpp>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace hinomi;
  const base::ByteView bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string& text : {std::string(bytes), "hinomi1." + base::to_base64url(bytes)}) {
    const auto token = access::EnrolmentToken::parse(text);
    if (!token) continue;
    const auto again = access::EnrolmentToken::parse(token->text());
    if (!again || *again != *token) __builtin_trap();
  }
  return 0;
}
