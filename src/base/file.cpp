#include <hinomi/base/file.hpp>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace hinomi::base {

void Descriptor::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<Bytes> read_file(const fs::path& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return fail(error_from_errno(errno, fmt::format("reading {}", path.string())));
  Bytes out;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(error_from_errno(errno, fmt::format("reading {}", path.string())));
    if (got == 0) return out;
    if (out.size() + static_cast<std::size_t>(got) > limit)
      return fail(Errc::too_large, fmt::format("{} holds more than {} bytes", path.string(), limit));
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Status write_all(int fd, ByteView content) {
  while (!content.empty()) {
    const ssize_t put = ::write(fd, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(error_from_errno(errno, "writing"));
    content.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Status sync_folder(const fs::path& path) {
  const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open() || ::fsync(folder.get()) != 0)
    return fail(error_from_errno(errno, fmt::format("syncing folder {}", path.string())));
  return {};
}

Status write_file(const fs::path& path, ByteView content, Durability durability, unsigned mode) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::string temporary = (folder / ("." + path.filename().string() + ".XXXXXX")).string();
  Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  const auto give_up = [&](std::string_view doing) {
    const Error error = error_from_errno(errno, fmt::format("{} {}", doing, path.string()));
    if (file.is_open()) ::unlink(temporary.c_str());
    return fail(error);
  };
  if (!file.is_open()) return give_up("creating a temporary file for");
  if (::fchmod(file.get(), mode) != 0) return give_up("setting the mode of");
  if (!write_all(file.get(), content)) return give_up("writing");
  if (durability == Durability::synced && ::fsync(file.get()) != 0) return give_up("syncing");
  if (::rename(temporary.c_str(), path.c_str()) != 0) return give_up("replacing");
  if (durability == Durability::synced) return sync_folder(folder);
  return {};
}

Status make_folder(const fs::path& path, unsigned mode) {
  if (path.empty() || fs::is_directory(path)) return {};
  if (path.has_parent_path() && path.parent_path() != path) TRY_VOID(make_folder(path.parent_path(), mode));
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return fail(error_from_errno(errno, fmt::format("making folder {}", path.string())));
  return sync_folder(path.has_parent_path() ? path.parent_path() : fs::path("."));
}

Result<Descriptor> lock_file(const fs::path& path) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.is_open()) return fail(error_from_errno(errno, fmt::format("opening lock {}", path.string())));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return fail(Errc::conflict, fmt::format("{} is in use by another process", path.string()));
    return fail(error_from_errno(errno, fmt::format("locking {}", path.string())));
  }
  return file;
}

}  // namespace hinomi::base
