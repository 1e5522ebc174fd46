#include <hinomi/proof/tile.hpp>

#include <fmt/core.h>

namespace hinomi::proof {

using base::ByteView;
using base::Errc;
using base::fail;

namespace {

std::string grouped(std::uint64_t index) {
  std::string text = fmt::format("{:03}", index % 1000);
  while ((index /= 1000) != 0) text = fmt::format("x{:03}/{}", index % 1000, text);
  return text;
}

std::string with_width(std::string path, unsigned width) {
  HINOMI_CHECK(width >= 1 && width <= kTileWidth);
  if (width < kTileWidth) path += fmt::format(".p/{}", width);
  return path;
}

}  // namespace

std::string tile_path(unsigned level, std::uint64_t index, unsigned width) {
  HINOMI_CHECK(level <= 63);
  return with_width(fmt::format("tile/{}/{}", level, grouped(index)), width);
}

std::string entries_path(std::uint64_t index, unsigned width) {
  return with_width("tile/entries/" + grouped(index), width);
}

void put_entry(base::Bytes& bundle, ByteView entry) {
  HINOMI_CHECK(entry.size() <= kMaxEntry);
  bundle.push_back(static_cast<char>(entry.size() >> 8U));
  bundle.push_back(static_cast<char>(entry.size() & 0xffU));
  bundle += entry;
}

base::Result<std::vector<ByteView>> parse_entries(ByteView bundle, unsigned width) {
  std::vector<ByteView> entries;
  entries.reserve(width);
  for (unsigned i = 0; i < width; ++i) {
    if (bundle.size() < 2) return fail(Errc::malformed, fmt::format("the entry bundle ends before entry {}", i));
    const std::size_t length =
        static_cast<std::size_t>(static_cast<unsigned char>(bundle[0])) << 8U | static_cast<unsigned char>(bundle[1]);
    if (bundle.size() - 2 < length) return fail(Errc::malformed, fmt::format("entry {} of the bundle is cut short", i));
    entries.push_back(bundle.substr(2, length));
    bundle.remove_prefix(2 + length);
  }
  if (!bundle.empty()) return fail(Errc::malformed, fmt::format("bytes behind the bundle's {} entries", width));
  return entries;
}

}  // namespace hinomi::proof
