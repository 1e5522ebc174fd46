#include <hinomi/access/access.hpp>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace hinomi;
  const base::ByteView bytes(reinterpret_cast<const char*>(data), size);
  auto act = access::decode_act(bytes);
  if (act) {
    const auto again = access::decode_act(access::encode(*act));
    if (!again || *again != *act) __builtin_trap();
  }
  // The same bytes as the content of each kind: what check() allows, apply() does, and the other way round.
  static constexpr std::string_view kKinds[] = {"organisation", "token",          "enrolment", "renewal",
                                                "revocation",   "account",        "api_key",   "login_link",
                                                "login_used",   "api_key_revoked"};
  access::Access state;
  for (const std::string_view kind : kKinds) {
    const access::Act one{std::string(kind), "fuzz", std::string(bytes)};
    const bool allowed = state.check(one, {}).has_value();
    if (state.apply(one, {}).has_value() != allowed) __builtin_trap();
  }
  return 0;
}
