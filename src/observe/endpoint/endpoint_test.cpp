#include <hinomi/observe/endpoint/observer.hpp>

#include <gtest/gtest.h>

using namespace hinomi::observe::endpoint;

TEST(Nothing, yet) { EXPECT_EQ(Observer::programs().size(), 2U); }
