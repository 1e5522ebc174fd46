#include <hinomi/observe/endpoint/digests.hpp>

#include <hinomi/base/file.hpp>

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace hinomi::observe::endpoint {
namespace {

using base::Descriptor;
using base::Errc;
using base::fail;

FileIdentity identity_of(const struct stat& status) {
  const auto nanoseconds = [](const timespec& time) { return time.tv_sec * 1'000'000'000LL + time.tv_nsec; };
  return {.inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .ctime = nanoseconds(status.st_ctim),
          .mtime = nanoseconds(status.st_mtim),
          .dev = static_cast<std::uint32_t>(major(status.st_dev) << 20 | minor(status.st_dev))};
}

enum class Way : std::uint8_t { by_process, by_path };

// Whether the file that was opened is the one that was executed. Where the kernel itself keeps the file (/proc/PID/exe)
// its inode number may be told differently (overlayfs); by path it must be the same.
bool is_executed_file(const FileIdentity& opened, const FileIdentity& executed, Way way) {
  return opened.size == executed.size && opened.mtime == executed.mtime && opened.ctime == executed.ctime &&
         (way == Way::by_process || opened.inode == executed.inode);
}

std::uint32_t mount_namespace_of_self() {
  struct stat status{};
  return stat("/proc/self/ns/mnt", &status) == 0 ? static_cast<std::uint32_t>(status.st_ino) : 0;
}

// Opens without ever waiting on a pipe or a device, without becoming a terminal's owner, without following the kernel's
// magic links; inside `root`, where one is given.
Descriptor open_plain(int root, const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_NO_MAGICLINKS | (root >= 0 ? RESOLVE_IN_ROOT : 0);
  return Descriptor(
      static_cast<int>(syscall(SYS_openat2, root >= 0 ? root : AT_FDCWD, path.c_str(), &how, sizeof(how))));
}

}  // namespace

std::optional<base::Digest> DigestCache::find(const FileIdentity& file) {
  const auto found = entries_.find(file);
  if (found == entries_.end()) return std::nullopt;
  order_.splice(order_.begin(), order_, found->second);
  return found->second->second;
}

void DigestCache::put(const FileIdentity& file, const base::Digest& digest) {
  if (const auto found = entries_.find(file); found != entries_.end()) {
    found->second->second = digest;
    order_.splice(order_.begin(), order_, found->second);
    return;
  }
  order_.emplace_front(file, digest);
  entries_[file] = order_.begin();
  if (entries_.size() <= limit_) return;
  entries_.erase(order_.back().first);
  order_.pop_back();
}

base::Result<Hashed> hash_descriptor(int fd, const HashOptions& options) {
  struct stat before{};
  if (fstat(fd, &before) != 0) return fail(base::error_from_errno(errno, "digest"));
  if (!S_ISREG(before.st_mode)) return fail(Errc::invalid_argument, "digest: not a regular file");
  Hashed out;
  out.file = identity_of(before);
  if (out.file.size > options.size_limit) return fail(Errc::too_large, "digest: the file is over the size limit");
  const base::Time now = options.clock != nullptr ? options.clock->now() : base::Time{};
  out.may_cache = out.file.ctime + kRacy * 1'000'000'000LL <= now.nanoseconds;

  base::Sha256 hash;
  static thread_local std::array<char, 256 * 1024> buffer;
  std::uint64_t total = 0;
  while (true) {
    const ssize_t got = pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(total));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(base::error_from_errno(errno, "digest"));
    if (got == 0) break;
    total += static_cast<std::uint64_t>(got);
    if (total > out.file.size) break;
    hash.update({buffer.data(), static_cast<std::size_t>(got)});
  }
  struct stat after{};
  if (fstat(fd, &after) != 0) return fail(base::error_from_errno(errno, "digest"));
  if (total != out.file.size || identity_of(after) != out.file)
    return fail(Errc::conflict, "digest: the file changed while it was read");
  out.digest = hash.finish();
  return out;
}

Digester::Digester(Options options, const base::Clock& clock)
    : options_(options), clock_(clock), own_mount_namespace_(mount_namespace_of_self()), cache_(options.cache_limit) {
  for (unsigned i = 0; i < std::max(1U, options_.workers); ++i) workers_.emplace_back([this] { work(); });
}

Digester::~Digester() {
  {
    const base::Lock lock(mutex_);
    closed_ = true;
    queue_.clear();
  }
  work_there_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

std::optional<base::Digest> Digester::cached(const FileIdentity& file) {
  const base::Lock lock(mutex_);
  return cache_.find(file);
}

bool Digester::submit(DigestJob job) {
  {
    const base::Lock lock(mutex_);
    if (closed_ || queue_.size() >= options_.queue_limit) return false;
    queue_.push_back(std::move(job));
  }
  work_there_.notify_one();
  return true;
}

std::vector<DigestResult> Digester::finished() {
  const base::Lock lock(mutex_);
  return std::exchange(finished_, {});
}

void Digester::wait_idle(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  const base::Lock lock(mutex_);
  while (!queue_.empty() || busy_ != 0) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= end) return;
    idle_.wait_for(mutex_, end - now);
  }
}

void Digester::work() {
  pthread_setname_np(pthread_self(), "hinomi-digest");
  while (true) {
    DigestJob job;
    {
      const base::Lock lock(mutex_);
      while (queue_.empty() && !closed_) work_there_.wait(mutex_);
      if (closed_) return;
      job = std::move(queue_.front());
      queue_.pop_front();
      ++busy_;
    }
    DigestResult result = carry_out(std::move(job));
    {
      const base::Lock lock(mutex_);
      finished_.push_back(std::move(result));
      --busy_;
    }
    idle_.notify_all();
  }
}

DigestResult Digester::carry_out(DigestJob job) {
  DigestResult out;
  out.executable = job.known;
  if (!out.executable) {
    if (auto digest = hash_executable(job)) {
      out.executable = *digest;
    } else {
      out.reason = digest.error().what;
    }
  }
  if (!job.script.empty()) {
    if (auto digest = hash_script(job)) {
      out.script = *digest;
    } else {
      out.reason = digest.error().what;
    }
  }
  out.job = std::move(job);
  return out;
}

base::Result<base::Digest> Digester::hash_executable(const DigestJob& job) {
  if (auto digest = cached(job.file)) return *digest;
  const HashOptions options{.size_limit = options_.size_limit, .clock = &clock_};
  base::Error error{.code = Errc::not_found, .what = "digest: the file is not there any more"};
  for (const Way way : {Way::by_process, Way::by_path}) {
    // The executed path has no links in it; in another mount namespace or behind another root it means another file.
    if (way == Way::by_path && job.mount_namespace != own_mount_namespace_) break;
    const Descriptor file = way == Way::by_path ? open_plain(-1, job.executable)
                                                : Descriptor(open(fmt::format("/proc/{}/exe", job.process.tgid).c_str(),
                                                                  O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.is_open()) continue;
    struct stat status{};
    if (fstat(file.get(), &status) != 0 || !is_executed_file(identity_of(status), job.file, way)) continue;
    auto hashed = hash_descriptor(file.get(), options);
    if (!hashed) {
      error = hashed.error();
      continue;
    }
    if (!is_executed_file(hashed->file, job.file, way)) continue;
    if (hashed->may_cache) {
      const base::Lock lock(mutex_);
      cache_.put(job.file, hashed->digest);
    }
    return hashed->digest;
  }
  return fail(std::move(error));
}

// The kernel closes a script before its interpreter opens it again by name, so there is no identity to compare with:
// the digest counts only if the file that bears the name now has not changed since the exec.
base::Result<base::Digest> Digester::hash_script(const DigestJob& job) {
  const Descriptor root(open(fmt::format("/proc/{}/root", job.process.tgid).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  Descriptor file;
  if (root.is_open()) file = open_plain(root.get(), job.script);
  if (!file.is_open() && job.mount_namespace == own_mount_namespace_ && !job.is_chrooted)
    file = open_plain(-1, job.script);
  if (!file.is_open()) return fail(Errc::not_found, "digest: the script is not there any more");
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return fail(base::error_from_errno(errno, "digest"));
  const FileIdentity identity = identity_of(status);
  if (identity.ctime > job.exec_time.nanoseconds)
    return fail(Errc::conflict, "digest: the script changed after it was executed");
  if (S_ISREG(status.st_mode)) {
    if (auto digest = cached(identity)) return *digest;
  }
  const Hashed hashed = TRY(hash_descriptor(file.get(), {.size_limit = options_.size_limit, .clock = &clock_}));
  if (hashed.may_cache) {
    const base::Lock lock(mutex_);
    cache_.put(identity, hashed.digest);
  }
  return hashed.digest;
}

}  // namespace hinomi::observe::endpoint
