#include <hinomi/base/random.hpp>

#include <openssl/rand.h>

namespace hinomi::base {

Bytes SystemRandom::bytes(std::size_t count) {
  Bytes out(count, '\0');
  HINOMI_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) == 1);
  return out;
}

}  // namespace hinomi::base
