// A manifest's patterns, compiled by RE2: linear time, no backtracking, whatever the arguments hold.
// Patterns and text are taken byte by byte (RE2's Latin-1 mode): a byte that is not UTF-8 must not end a match and let
// the rest of a secret through. Threads: immutable.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::consent {

struct Patterns {
  std::vector<std::unique_ptr<const re2::RE2>> redactions;
  std::unique_ptr<const re2::RE2> programs;  // null if none
  std::unique_ptr<const re2::RE2> paths;
};

namespace inside {

re2::RE2::Options pattern_options();
// `*` within a path component, `**` across, `?` one byte; a pattern that ends with / covers everything below.
std::string regular_expression_of_glob(std::string_view glob);

}  // namespace inside
}  // namespace hinomi::consent
