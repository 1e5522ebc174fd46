#include <hinomi/net/http.hpp>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto target = hinomi::net::split_target(text);
  if (target) {
    hinomi::net::Request request;
    request.query = target->second;
    if (request.parameter("a") && request.parameters("a").empty()) __builtin_trap();
    if (target->first.find('\0') != std::string::npos) __builtin_trap();
  }
  const auto address = hinomi::net::Address::parse(text);
  if (address && address->host.size() > 253) __builtin_trap();
  return 0;
}
