// The few things every room that keeps files needs: read whole, write durably, owned descriptors.
// Threads: free functions; a Descriptor belongs to one thread at a time.
// Fails:   Errc from errno, with the path in the message.
#pragma once

#include <hinomi/base/bytes.hpp>

#include <cstddef>
#include <filesystem>
#include <utility>

namespace hinomi::base {

namespace fs = std::filesystem;

// Owns one file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void close();

 private:
  int fd_ = -1;
};

// The whole file; too_large if it holds more than `limit` bytes.
Result<Bytes> read_file(const fs::path& path, std::size_t limit = 64U << 20);

enum class Durability : std::uint8_t {
  synced,   // file and folder are synced before this returns: survives a power cut
  renamed,  // atomic for readers, may be lost in a power cut
};
// Replaces the file atomically (temporary beside it, then rename). `mode` as for open(2).
Status write_file(const fs::path& path, ByteView content, Durability durability = Durability::synced,
                  unsigned mode = 0644);

// Makes the folder and its parents (mode 0700 unless said), and syncs the parent's entry.
Status make_folder(const fs::path& path, unsigned mode = 0700);
Status sync_folder(const fs::path& path);  // fsync of the directory entry list

Status write_all(int fd, ByteView content);  // handles short writes and EINTR

// Takes an exclusive advisory lock (flock) on `path`, creating it; conflict if another process holds it.
Result<Descriptor> lock_file(const fs::path& path);

}  // namespace hinomi::base
