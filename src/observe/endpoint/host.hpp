// Small facts about the machine that events carry: boot id, user names, container ids.
// Threads: UserNames belongs to one thread; the rest are pure functions or read once.
#pragma once

#include <hinomi/base/time.hpp>
#include <hinomi/base/uuid.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace hinomi::observe::endpoint {

base::Result<base::Uuid> read_boot_id();  // /proc/sys/kernel/random/boot_id

// The 64 hexadecimal digits that container engines name control groups with ("docker-<id>.scope", "<id>", …); else
// empty.
std::string_view container_in(std::string_view cgroup_name);

// Names of users by uid, from a passwd file alone: no name service that could block or tell others who is looked up.
// Looks at most once a second whether the file changed.
class UserNames {
 public:
  explicit UserNames(std::string path = "/etc/passwd") : path_(std::move(path)) {}
  // Empty if the file does not name the user.
  const std::string& name_of(std::uint32_t uid, base::Time now);

 private:
  void refresh();

  std::string path_;
  base::Time looked_{-1'000'000'000'000};
  std::int64_t changed_ = -1;  // the file's ctime, nanoseconds
  std::unordered_map<std::uint32_t, std::string> names_;
};

// Parses passwd(5): "name:password:uid:…" a line; lines of another form are skipped; the first name of a uid counts.
std::unordered_map<std::uint32_t, std::string> parse_passwd(std::string_view text);

}  // namespace hinomi::observe::endpoint
