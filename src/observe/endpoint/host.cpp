#include <hinomi/observe/endpoint/host.hpp>

#include <hinomi/base/file.hpp>

#include <charconv>

#include <sys/stat.h>

namespace hinomi::observe::endpoint {

base::Result<base::Uuid> read_boot_id() {
  std::string text = TRY(base::read_file("/proc/sys/kernel/random/boot_id", 64));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return base::Uuid::parse(text);
}

std::string_view container_in(std::string_view cgroup_name) {
  constexpr std::size_t kDigits = 64;
  std::size_t run = 0;
  for (std::size_t i = 0; i <= cgroup_name.size(); ++i) {
    const char c = i < cgroup_name.size() ? cgroup_name[i] : '\0';
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) {
      ++run;
      continue;
    }
    if (run == kDigits) return cgroup_name.substr(i - kDigits, kDigits);
    run = 0;
  }
  return {};
}

std::unordered_map<std::uint32_t, std::string> parse_passwd(std::string_view text) {
  std::unordered_map<std::uint32_t, std::string> names;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t first = line.find(':');
    if (first == std::string_view::npos || first == 0) continue;
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view number = line.substr(second + 1, line.find(':', second + 1) - second - 1);
    std::uint32_t uid = 0;
    const auto [last, error] = std::from_chars(number.data(), number.data() + number.size(), uid);
    if (error != std::errc() || last != number.data() + number.size()) continue;
    names.try_emplace(uid, line.substr(0, first));
  }
  return names;
}

const std::string& UserNames::name_of(std::uint32_t uid, base::Time now) {
  if (now < looked_ || now >= looked_.plus_seconds(1)) {
    looked_ = now;
    refresh();
  }
  static const std::string none;
  const auto found = names_.find(uid);
  return found == names_.end() ? none : found->second;
}

void UserNames::refresh() {
  struct stat status{};
  if (stat(path_.c_str(), &status) != 0) return;
  const std::int64_t changed = status.st_ctim.tv_sec * 1'000'000'000LL + status.st_ctim.tv_nsec;
  if (changed == changed_) return;
  if (auto text = base::read_file(path_, 16U << 20)) {
    names_ = parse_passwd(*text);
    changed_ = changed;
  }
}

}  // namespace hinomi::observe::endpoint
