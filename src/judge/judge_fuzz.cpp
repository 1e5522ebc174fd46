#include <hinomi/judge/held.hpp>
#include <hinomi/judge/judge.hpp>

// A state that was not written by us must be refused or give a judge whose own state is the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace hinomi;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string state = "hinomi-judge-1\n" + std::string(bytes);
  judge::Judge judge({.producer = "fuzz"});
  if (judge.restore({}, state)) {
    judge::Judge again({.producer = "fuzz"});
    HINOMI_CHECK(again.restore({}, judge.state()).has_value());
    HINOMI_CHECK(again.state() == judge.state());
  }
  if (const auto name = judge::normalise_name(bytes)) HINOMI_CHECK(judge::normalise_name(*name) == *name);
  return 0;
}
