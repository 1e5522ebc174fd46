#include <hinomi/tlog/inside/files.hpp>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

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
  if (::fchmod(file.get(), mode) != 0)
    return fail(base::error_from_errno(errno, fmt::format("setting the mode of {}", temporary.string())));
  if (const auto written = base::write_all(file.get(), content); !written)
    return fail(written.error().within(target.string()));
  file.close();
  if (::rename(temporary.c_str(), target.c_str()) == 0) return {};
  if (errno == ENOENT) {
    TRY_VOID(make_log_folder(target.parent_path(), mode));
    if (::rename(temporary.c_str(), target.c_str()) == 0) return {};
  }
  return fail(base::error_from_errno(errno, fmt::format("replacing {}", target.string())));
}

Status TileFiles::tile(unsigned level, std::uint64_t index, unsigned width, ByteView hashes) {
  const std::string name = proof::tile_path(level, index, width);
  TRY_VOID(write_derived(folder_, name, hashes, mode_));
  if (width == proof::kTileWidth) full_.push_back(name);
  return {};
}

Status TileFiles::entries(std::uint64_t index, unsigned width, ByteView bundle) {
  const std::string name = proof::entries_path(index, width);
  TRY_VOID(write_derived(folder_, name, bundle, mode_));
  if (width == proof::kTileWidth) full_.push_back(name);
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
