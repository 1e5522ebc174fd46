// The query string and the `next` token: whatever comes, a result; what was accepted survives a round trip through a token.
#include <hinomi/publish/inside/query.hpp>

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hinomi::publish::inside;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string key(32, 'k');
  if (from_token(input, key) && size < 20) std::abort();
  const auto query = parse_query(input);
  if (!query) return 0;
  (void)resume(*query, "5/", key);
  Query plain = *query;
  plain.next.reset();
  const std::string token = to_token({.listing = "5/", .query = plain, .position = 7}, key);
  const auto back = from_token(token, key);
  // A query of 8 KiB may grow over the limit when it is written with every byte encoded; then the token is refused.
  if (!back && token.size() < 8000) std::abort();
  if (back && (back->query != plain || back->position != 7)) std::abort();
  return 0;
}
