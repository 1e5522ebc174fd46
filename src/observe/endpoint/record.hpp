// Reads the records that bpf/ hands up (bpf/record.h) into plain values.
// Threads: pure functions; a decoded record's views borrow the bytes it was decoded from.
// Fails:   Errc::malformed for anything that record.h does not describe. The kernel is trusted, its bytes are not.
#pragma once

#include <hinomi/base/bytes.hpp>

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

namespace hinomi::observe::endpoint {

// One process of this boot: thread-group id in the initial pid namespace and start time (CLOCK_BOOTTIME nanoseconds).
struct ProcessKey {
  std::uint64_t start = 0;
  std::uint32_t tgid = 0;
  auto operator<=>(const ProcessKey&) const = default;
  [[nodiscard]] bool is_known() const { return start != 0 || tgid != 0; }
};

// What makes a file the same file with the same content, as far as metadata can tell.
struct FileIdentity {
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t ctime = 0;  // nanoseconds since 1970
  std::int64_t mtime = 0;
  std::uint32_t dev = 0;  // major << 20 | minor, of the file system (not always what stat says: overlayfs, btrfs)
  auto operator<=>(const FileIdentity&) const = default;
};

struct ExecRecord {
  std::uint64_t time = 0;  // CLOCK_BOOTTIME nanoseconds, here and below
  ProcessKey process;
  ProcessKey parent;            // the real parent at this moment: may be the reaper that adopted it
  bool was_running = false;     // from the start-up iterator: not an event
  bool has_executable = false;  // false for kernel threads
  FileIdentity file;
  std::uint32_t file_links = 0;
  std::uint64_t cgroup_id = 0;
  std::uint32_t user = 0, group = 0, login_user = 0;
  std::uint32_t mount_namespace = 0;
  bool is_chrooted = false;
  bool arguments_unreadable = false;
  std::uint64_t arguments_length = 0;  // true length
  std::string executable;              // absolute; "/memfd:x (deleted)" as the kernel itself writes it
  std::string working_directory;
  std::string_view script;  // as given to execve; empty if no interpreter took its place
  std::string_view cgroup_name;
  std::string_view terminal;
  std::string_view arguments;  // each ended by NUL; cut at HINOMI_ARGS_LIMIT
};

struct ForkRecord {
  std::uint64_t time = 0;
  ProcessKey child;
  ProcessKey parent;
};

struct ExitRecord {
  std::uint64_t time = 0;
  ProcessKey process;
  std::uint32_t code = 0;    // 0 to 255
  std::uint32_t signal = 0;  // 0: none
};

struct NetworkRecord {
  std::uint64_t time = 0;
  ProcessKey process;  // who called connect() or listen(); not known if zero
  bool initiated = false;
  std::string_view local, remote;  // 4 or 16 bytes
  std::uint16_t local_port = 0, remote_port = 0;
};

using Record = std::variant<ExecRecord, ForkRecord, ExitRecord, NetworkRecord>;

base::Result<Record> decode_record(base::ByteView bytes);

// The record's CLOCK_BOOTTIME nanoseconds, 0 if it is too short to have one.
std::uint64_t time_of_record(base::ByteView bytes);
// Its length in a stream of records (the iterator's output); 0 if the header is incomplete or its size impossible.
std::size_t size_of_record(base::ByteView bytes);

}  // namespace hinomi::observe::endpoint

template <>
struct std::hash<hinomi::observe::endpoint::ProcessKey> {
  std::size_t operator()(const hinomi::observe::endpoint::ProcessKey& key) const noexcept {
    return std::hash<std::uint64_t>{}(key.start * 0x9e3779b97f4a7c15ULL ^ key.tgid);
  }
};
template <>
struct std::hash<hinomi::observe::endpoint::FileIdentity> {
  std::size_t operator()(const hinomi::observe::endpoint::FileIdentity& file) const noexcept {
    return std::hash<std::uint64_t>{}((file.inode ^ static_cast<std::uint64_t>(file.ctime)) * 0x9e3779b97f4a7c15ULL ^
                                      file.size);
  }
};
