#include <config.hpp>

#include <gtest/gtest.h>

namespace hinomi::centre {
namespace {

TEST(Config, the_packaged_file_holds_every_setting_with_its_default) {
  const base::fs::path file = base::fs::path(HINOMI_SOURCE_DIR) / "packaging/hinomi.yaml";
  auto config = Config::load(file);
  ASSERT_TRUE(config) << config.error().what;
  config->file.clear();
  EXPECT_EQ(*config, Config());
}

}  // namespace
}  // namespace hinomi::centre
