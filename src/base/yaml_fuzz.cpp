#include <hinomi/base/yaml.hpp>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto parsed = hinomi::base::Yaml::parse_all({reinterpret_cast<const char*>(data), size});
  return parsed.has_value() ? 0 : 0;
}
