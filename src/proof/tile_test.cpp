#include <hinomi/proof/tile.hpp>

#include <gtest/gtest.h>

namespace hinomi::proof {
namespace {

TEST(Tile, paths_are_c2sps) {
  EXPECT_EQ(tile_path(0, 0, 256), "tile/0/000");
  EXPECT_EQ(tile_path(0, 999, 256), "tile/0/999");
  EXPECT_EQ(tile_path(3, 1000, 256), "tile/3/x001/000");
  EXPECT_EQ(tile_path(0, 1234067, 256), "tile/0/x001/x234/067");
  EXPECT_EQ(tile_path(1, 1234067, 8), "tile/1/x001/x234/067.p/8");
  EXPECT_EQ(entries_path(1234067, 256), "tile/entries/x001/x234/067");
  EXPECT_EQ(entries_path(0, 255), "tile/entries/000.p/255");
}

TEST(Entries, round_trip_with_big_endian_lengths) {
  base::Bytes bundle;
  put_entry(bundle, "abc");
  put_entry(bundle, "");
  put_entry(bundle, base::Bytes(kMaxEntry, 'x'));
  EXPECT_EQ(bundle.substr(0, 7), base::Bytes("\0\3abc\0\0", 7));
  const auto entries = parse_entries(bundle, 3).value();
  EXPECT_EQ(entries[0], "abc");
  EXPECT_EQ(entries[1], "");
  EXPECT_EQ(entries[2].size(), kMaxEntry);
}

TEST(Entries, of_another_count_or_length_are_refused) {
  base::Bytes bundle;
  put_entry(bundle, "abc");
  put_entry(bundle, "de");
  EXPECT_FALSE(parse_entries(bundle, 1).has_value());
  EXPECT_FALSE(parse_entries(bundle, 3).has_value());
  for (std::size_t length = 0; length < bundle.size(); ++length)
    EXPECT_EQ(parse_entries(bundle.substr(0, length), 2).error().code, base::Errc::malformed) << length;
}

}  // namespace
}  // namespace hinomi::proof
