// Rule files of a folder, for composition roots: what is read here is logged before it takes effect.
// Threads: a free function. Fails: Errc::not_found, Errc::io, Errc::too_large.
// Limits: 50,000 files, 4 MiB each; a file that cannot be read fails the whole reading, so that no rule is missing
// unnoticed.
#pragma once

#include <hinomi/base/file.hpp>
#include <hinomi/detect/rule.hpp>

namespace hinomi::detect {

// Every *.yml and *.yaml below the folder but *.test.yaml; names are paths below it, in order.
base::Result<std::vector<RuleFile>> read_rule_folder(const base::fs::path& folder);

}  // namespace hinomi::detect
