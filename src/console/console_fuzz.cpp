// The console's door, over a real store: whatever path, query, cookie, key and body come, an answer; nothing is thrown.
// Input: lines of path, query, cookie, authorization; then the body. The first byte chooses method and door.
#include <hinomi/console/console_testing.hpp>

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hinomi;
  static console::testing::Centre centre;
  if (size == 0) return 0;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const char kind = input.front();
  input.remove_prefix(1);
  const auto line = [&] {
    const std::string_view out = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), out.size() + 1));
    return std::string(out);
  };
  net::Request request;
  request.method = (kind & 1) != 0 ? "POST" : "GET";
  request.path = "/" + line();
  if ((kind & 2) != 0) request.path = "/api/v1" + request.path;
  request.query = line();
  request.headers = {
      {"Host", "hinomi.test:8443"}, {"Origin", "https://hinomi.test:8443"}, {"Content-Type", "application/json"}};
  request.headers.push_back({"Cookie", line()});
  if (const std::string authorization = line(); !authorization.empty())
    request.headers.push_back({"Authorization", authorization});
  if ((kind & 4) != 0) request.peer.unix_uid = 0;
  request.body = input;
  const net::Response response = centre.console->handle(request);
  if (response.status < 200 || response.status > 599) std::abort();
  return 0;
}
