// SHA-256 of what is executed, off the reader's thread. A digest never delays an event: what is cached is known at
// once; else the event says pending and the result follows. The cache's key is the file's identity as the kernel told
// it at exec (inode, size, ctime, mtime; dev). A digest counts only if the file that was opened has that identity
// before and after it was read. A file whose ctime is younger than kRacy when it is read is not cached: within one
// tick of the kernel's clock it could change again and look the same.
// Owns:    its worker threads and queue (bounded).
// Threads: any may call; results are collected with finished().
// Fails:   never; a digest that cannot be had is unavailable, with a reason.
#pragma once

#include <hinomi/base/digest.hpp>
#include <hinomi/base/mutex.hpp>
#include <hinomi/base/time.hpp>
#include <hinomi/observe/endpoint/record.hpp>

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace hinomi::observe::endpoint {

// Least recently used entries go first. Threads: one.
class DigestCache {
 public:
  explicit DigestCache(std::size_t limit) : limit_(limit) {}
  std::optional<base::Digest> find(const FileIdentity& file);
  void put(const FileIdentity& file, const base::Digest& digest);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  using Order = std::list<std::pair<FileIdentity, base::Digest>>;
  std::size_t limit_;
  Order order_;  // most recent first
  std::unordered_map<FileIdentity, Order::iterator> entries_;
};

// Seconds that a file's ctime must lie back for its digest to be cached.
inline constexpr std::int64_t kRacy = 1;

struct HashOptions {
  std::uint64_t size_limit = 512ULL << 20;
  const base::Clock* clock = nullptr;  // for kRacy; borrowed
};

struct Hashed {
  base::Digest digest;
  FileIdentity file;       // as stat tells it
  bool may_cache = false;  // its ctime lies far enough back
};

// Reads an open regular file to its end. conflict if it changed meanwhile; too_large; invalid_argument if not regular.
base::Result<Hashed> hash_descriptor(int fd, const HashOptions& options);

// What to hash for one process_start.
struct DigestJob {
  ProcessKey process;
  std::uint32_t mount_namespace = 0;
  bool is_chrooted = false;
  base::Time exec_time;
  std::string executable;
  FileIdentity file;
  std::optional<base::Digest> known;  // the executable's, when only the script is missing
  std::string script;                 // absolute; empty if none
};

struct DigestResult {
  DigestJob job;
  std::optional<base::Digest> executable;
  std::optional<base::Digest> script;
  std::string reason;  // why one is missing
};

class Digester {
 public:
  struct Options {
    unsigned workers = 1;
    std::size_t queue_limit = 4'096;
    std::size_t cache_limit = 16'384;
    std::uint64_t size_limit = 512ULL << 20;
  };
  Digester(Options options, const base::Clock& clock);
  ~Digester();  // drops what waits, joins
  Digester(const Digester&) = delete;
  Digester& operator=(const Digester&) = delete;

  std::optional<base::Digest> cached(const FileIdentity& file);
  bool submit(DigestJob job);  // false if the queue is full
  std::vector<DigestResult> finished();
  // Waits until nothing is queued or being read, at most this long.
  void wait_idle(std::chrono::milliseconds limit);

 private:
  void work();
  DigestResult carry_out(DigestJob job);
  base::Result<base::Digest> hash_executable(const DigestJob& job);
  base::Result<base::Digest> hash_script(const DigestJob& job);

  const Options options_;
  const base::Clock& clock_;
  const std::uint32_t own_mount_namespace_;
  base::Mutex mutex_;
  base::Condition work_there_, idle_;
  bool closed_ HINOMI_GUARDED_BY(mutex_) = false;
  std::size_t busy_ HINOMI_GUARDED_BY(mutex_) = 0;
  std::deque<DigestJob> queue_ HINOMI_GUARDED_BY(mutex_);
  std::vector<DigestResult> finished_ HINOMI_GUARDED_BY(mutex_);
  DigestCache cache_ HINOMI_GUARDED_BY(mutex_);
  std::vector<std::thread> workers_;
};

}  // namespace hinomi::observe::endpoint
