// Where randomness enters: as a parameter, so that the analysis path can be seen to have none.
// Threads: SystemRandom may be used from any thread.
#pragma once

#include <hinomi/base/bytes.hpp>

#include <cstdint>

namespace hinomi::base {

class Random {
 public:
  virtual ~Random() = default;
  virtual Bytes bytes(std::size_t count) = 0;
  std::uint64_t number() { return get_u64le(bytes(8)); }
};

// The operating system's generator through OpenSSL; fit for keys and salts.
class SystemRandom final : public Random {
 public:
  Bytes bytes(std::size_t count) override;
};

}  // namespace hinomi::base
