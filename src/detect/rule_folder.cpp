#include <hinomi/detect/rule_folder.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace hinomi::detect {

base::Result<std::vector<RuleFile>> read_rule_folder(const base::fs::path& folder) {
  constexpr std::size_t most_files = 50'000;
  std::vector<RuleFile> out;
  std::error_code error;
  base::fs::recursive_directory_iterator at(folder, error);
  for (; !error && at != base::fs::recursive_directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!(name.ends_with(".yml") || name.ends_with(".yaml")) || name.ends_with(".test.yaml")) continue;
    if (!at->is_regular_file(error)) continue;
    if (out.size() == most_files)
      return base::fail(base::Errc::too_large, fmt::format("{}: more than {} rule files", folder.string(), most_files));
    base::Bytes bytes = TRY(base::read_file(at->path(), 4U << 20));
    out.push_back({.name = at->path().lexically_relative(folder).string(), .bytes = std::move(bytes)});
  }
  if (error) return base::fail(base::error_from_errno(error.value(), fmt::format("rules in {}", folder.string())));
  std::ranges::sort(out, {}, &RuleFile::name);
  return out;
}

}  // namespace hinomi::detect
