// Where a log's hashes and entries lie as files (https://c2sp.org/tlog-tiles): a tile at level L holds up to 256
// hashes of complete subtrees of 256^L leaves each; an entry bundle holds up to 256 entries, each as a big-endian
// uint16 length and its bytes, uncompressed. Index N is written in groups of three digits: 1234067 is x001/x234/067.
// Owns:    nothing.
// Threads: pure functions.
// Fails:   Errc::malformed.
#pragma once

#include <hinomi/base/bytes.hpp>
#include <hinomi/base/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::proof {

inline constexpr unsigned kTileHeight = 8;
inline constexpr unsigned kTileWidth = 1U << kTileHeight;
inline constexpr std::size_t kMaxEntry = 65'535;  // what the length prefix can say

// "tile/<level>/<index>", with ".p/<width>" behind it for a partial tile. 1 <= width <= 256, level <= 63.
std::string tile_path(unsigned level, std::uint64_t index, unsigned width);
// "tile/entries/<index>", likewise.
std::string entries_path(std::uint64_t index, unsigned width);

// Adds one entry to a bundle. The entry has at most kMaxEntry bytes; a longer one is a bug of the caller.
void put_entry(base::Bytes& bundle, base::ByteView entry);
// The bundle's entries as views into it: exactly `width` of them and nothing behind.
base::Result<std::vector<base::ByteView>> parse_entries(base::ByteView bundle, unsigned width);

}  // namespace hinomi::proof
