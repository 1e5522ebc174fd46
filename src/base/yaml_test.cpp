#include <hinomi/base/yaml.hpp>

#include <gtest/gtest.h>

namespace hinomi::base {
namespace {

TEST(Yaml, keeps_order_kinds_and_lines) {
  const Yaml yaml = Yaml::parse("a: 1\nb: [x, 'null', true]\nc:\n  d: ~\n").value();
  ASSERT_TRUE(yaml.is_map());
  EXPECT_EQ(yaml.find("a")->as_integer().value(), 1);
  EXPECT_EQ(yaml.find("b")->items()[1].kind(), Yaml::Kind::text);
  EXPECT_TRUE(yaml.find("b")->items()[2].as_boolean().value());
  EXPECT_TRUE(yaml.find("c")->find("d")->is_null());
  EXPECT_EQ(yaml.find("c")->find("d")->line(), 4);
  EXPECT_EQ(yaml.find("zz"), nullptr);
}

TEST(Yaml, names_the_line_of_what_is_wrong) {
  const auto tab = Yaml::parse("a: 1\n\tb: 2\n");
  ASSERT_FALSE(tab.has_value());
  EXPECT_NE(tab.error().what.find("line 2"), std::string::npos) << tab.error().what;
  const auto twice = Yaml::parse("a: 1\na: 2\n");
  ASSERT_FALSE(twice.has_value());
  EXPECT_NE(twice.error().what.find("line 2"), std::string::npos);
  EXPECT_NE(Yaml::parse("a: x").value().find("a")->as_integer().error().what.find("line 1"), std::string::npos);
}

TEST(Yaml, bounds_depth_and_alias_bombs) {
  EXPECT_EQ(Yaml::parse(std::string(1000, '[')).error().code, Errc::too_large);
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) bomb += (k > 0 ? ",*a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_EQ(Yaml::parse(bomb).error().code, Errc::too_large);
}

TEST(Yaml, reads_streams_of_documents) {
  EXPECT_EQ(Yaml::parse_all("a: 1\n---\nb: 2\n").value().size(), 2);
  EXPECT_FALSE(Yaml::parse("a: 1\n---\nb: 2\n").has_value());
  EXPECT_EQ(Yaml::parse_all("").value().size(), 0);
}

}  // namespace
}  // namespace hinomi::base
