#include <hinomi/tlog/inside/files.hpp>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <set>

namespace hinomi::tlog {

using base::ByteView;
using base::fail;
using base::Status;
namespace fs = base::fs;

unsigned folder_mode(unsigned file_mode) { return file_mode | (file_mode & 0444U) >> 2U; }

Status make_log_folder(const fs::path& path, unsigned file_mode) {
  if (path.empty() || fs::is_directory(path)) return {};
  if (path.has_parent_path() && path.parent_path() != path) TRY_VOID(make_log_folder(path.parent_path(), file_mode));
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(base::error_from_errno(errno, fmt::format("making folder {}", path.string())));
  struct stat made{};
  if (::stat(path.c_str(), &made) != 0 || ::chmod(path.c_str(), folder_mode(file_mode) | (made.st_mode & S_ISGID)) != 0)
    return fail(base::error_from_errno(errno, fmt::format("setting the mode of folder {}", path.string())));
  return {};
}

Status write_derived(const fs::path& folder, const std::string& name, ByteView content, unsigned mode) {
  const fs::path temporary = folder / ".new";
  const fs::path target = folder / name;
  base::Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.is_open()) return fail(base::error_from_errno(errno, fmt::format("creating {}", temporary.string())));
  const auto give_up = [&](base::Error error) {
    ::unlink(temporary.c_str());  // on a full disk its bytes are wanted
    return fail(std::move(error));
  };
  if (::fchmod(file.get(), mode) != 0)
    return give_up(base::error_from_errno(errno, fmt::format("setting the mode of {}", temporary.string())));
  if (const auto written = base::write_all(file.get(), content); !written)
    return give_up(written.error().within(target.string()));
  file.close();
  if (::rename(temporary.c_str(), target.c_str()) == 0) return {};
  if (errno == ENOENT) {
    if (const Status made = make_log_folder(target.parent_path(), mode); !made) return give_up(made.error());
    if (::rename(temporary.c_str(), target.c_str()) == 0) return {};
  }
  return give_up(base::error_from_errno(errno, fmt::format("replacing {}", target.string())));
}

Status TileFiles::write(std::string name, unsigned width, ByteView content) {
  TRY_VOID(write_derived(folder_, name, content, mode_));
  if (width < proof::kTileWidth) return {};
  unsynced_.push_back(name);
  full_.push_back(std::move(name));
  return {};
}

Status TileFiles::tile(unsigned level, std::uint64_t index, unsigned width, ByteView hashes) {
  return write(proof::tile_path(level, index, width), width, hashes);
}

Status TileFiles::entries(std::uint64_t index, unsigned width, ByteView bundle) {
  return write(proof::entries_path(index, width), width, bundle);
}

Status TileFiles::file(std::string name, ByteView content) {
  TRY_VOID(write_derived(folder_, name, content, mode_));
  unsynced_.push_back(std::move(name));
  return {};
}

Status TileFiles::sync(const std::function<int(int)>& sync) {
  std::set<fs::path> paths;  // folders, too: every one down from the log's own
  for (const std::string& name : unsynced_)
    for (fs::path path = folder_ / name; path != folder_; path = path.parent_path()) paths.insert(path);
  paths.insert(folder_);
  for (const bool wait : {false, true}) {  // all writes are started before the first is waited for
    for (const fs::path& path : paths) {
      const base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!file.is_open()) return fail(base::error_from_errno(errno, fmt::format("opening {}", path.string())));
      if (!wait) ::sync_file_range(file.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
      else if (sync(file.get()) != 0)
        return fail(base::error_from_errno(errno, fmt::format("syncing {}", path.string())));
    }
  }
  unsynced_.clear();
  return {};
}

void TileFiles::remove_partials() {
  for (const std::string& name : full_) {
    std::error_code ignored;  // a partial tile that stays harms nobody
    fs::remove_all(folder_ / (name + ".p"), ignored);
  }
  full_.clear();
}

}  // namespace hinomi::tlog
