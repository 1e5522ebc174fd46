#include <hinomi/observe/endpoint/record.hpp>

#include <hinomi/bpf/record.h>

#include <cstddef>
#include <optional>

#include <sys/socket.h>

namespace hinomi::observe::endpoint {
namespace {

using base::ByteView;
using base::Errc;
using base::fail;

template <class T>
std::optional<T> fixed_part(ByteView bytes) {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  bytes.copy(reinterpret_cast<char*>(&value), sizeof(T));
  return value;
}

// Cuts `length` bytes off the front.
base::Result<ByteView> take(ByteView& rest, std::uint32_t length, std::uint32_t limit, std::string_view what) {
  if (length > limit || length > rest.size())
    return fail(Errc::malformed, "record: " + std::string(what) + " is longer than the record");
  const ByteView part = rest.substr(0, length);
  rest.remove_prefix(length);
  return part;
}

// A text part: its one NUL is the last byte.
base::Result<ByteView> take_text(ByteView& rest, std::uint32_t length, std::uint32_t limit, std::string_view what) {
  ByteView part = TRY(take(rest, length, limit, what));
  if (part.empty()) return part;
  if (part.find('\0') != part.size() - 1)
    return fail(Errc::malformed, "record: " + std::string(what) + " is not one text");
  part.remove_suffix(1);
  return part;
}

// Names from the file upwards become a path from the root down.
base::Result<std::string> path_from(ByteView names, bool incomplete) {
  std::string path;
  if (names.empty()) return std::string(incomplete ? "(...)" : "/");
  if (names.back() != '\0') return fail(Errc::malformed, "record: a path does not end");
  path.reserve(names.size() + 8);
  if (incomplete) path = "(...)";
  names.remove_suffix(1);
  while (true) {
    const std::size_t before = names.rfind('\0');
    const ByteView name = before == ByteView::npos ? names : names.substr(before + 1);
    path += '/';
    path += name;
    if (before == ByteView::npos) return path;
    names = names.substr(0, before);
  }
}

base::Result<Record> decode_exec(ByteView bytes) {
  const auto raw = fixed_part<hinomi_exec>(bytes);
  if (!raw) return fail(Errc::malformed, "record: exec is too short");
  ByteView rest = bytes.substr(sizeof(hinomi_exec));
  const std::uint32_t flags = raw->header.flags;

  ExecRecord record;
  record.time = raw->header.time;
  record.process = {.start = raw->header.start, .tgid = raw->header.tgid};
  record.parent = {.start = raw->parent_start, .tgid = raw->parent_tgid};
  record.was_running = raw->header.kind == HINOMI_TASK;
  record.has_executable = raw->has_exe != 0;
  record.file = {.inode = raw->exe_inode,
                 .size = raw->exe_size,
                 .ctime = raw->exe_ctime,
                 .mtime = raw->exe_mtime,
                 .dev = raw->exe_dev};
  record.file_links = raw->exe_links;
  record.cgroup_id = raw->cgroup_id;
  record.user = raw->uid;
  record.group = raw->gid;
  record.login_user = raw->login_uid;
  record.mount_namespace = raw->mount_namespace;
  record.is_chrooted = (flags & HINOMI_CHROOTED) != 0;
  record.arguments_unreadable = (flags & HINOMI_ARGS_UNREADABLE) != 0;
  record.arguments_length = raw->args_length;

  const ByteView executable = TRY(take(rest, raw->exe_length, HINOMI_PATH_LIMIT, "the executable"));
  const ByteView directory = TRY(take(rest, raw->cwd_length, HINOMI_PATH_LIMIT, "the working directory"));
  record.script = TRY(take_text(rest, raw->script_length, HINOMI_SCRIPT_LIMIT, "the script"));
  record.cgroup_name = TRY(take_text(rest, raw->cgroup_length, HINOMI_CGROUP_LIMIT, "the cgroup"));
  record.terminal = TRY(take_text(rest, raw->tty_length, HINOMI_TTY_LIMIT, "the terminal"));
  record.arguments = TRY(take(rest, raw->args_kept, HINOMI_ARGS_LIMIT, "the arguments"));
  if (!rest.empty()) return fail(Errc::malformed, "record: exec has bytes that no part claims");
  if (record.arguments.size() > record.arguments_length)
    return fail(Errc::malformed, "record: more arguments than there are");
  if (record.has_executable) {
    record.executable = TRY(path_from(executable, (flags & HINOMI_EXE_INCOMPLETE) != 0));
    if (record.file_links == 0) record.executable += " (deleted)";
  }
  record.working_directory = TRY(path_from(directory, (flags & HINOMI_CWD_INCOMPLETE) != 0));
  return Record(std::move(record));
}

base::Result<Record> decode_network(const hinomi_header& header, ByteView bytes) {
  const auto raw = fixed_part<hinomi_network>(bytes);
  if (!raw || bytes.size() != sizeof(hinomi_network)) return fail(Errc::malformed, "record: network has another size");
  if (raw->family != AF_INET && raw->family != AF_INET6)
    return fail(Errc::malformed, "record: not an internet address family");
  const std::size_t length = raw->family == AF_INET ? 4 : 16;
  NetworkRecord record;
  record.time = header.time;
  record.process = {.start = header.start, .tgid = header.tgid};
  record.initiated = header.kind == HINOMI_CONNECT;
  record.local = bytes.substr(offsetof(hinomi_network, local), length);
  record.remote = bytes.substr(offsetof(hinomi_network, remote), length);
  record.local_port = raw->local_port;
  record.remote_port = raw->remote_port;
  return Record(record);
}

}  // namespace

std::uint64_t time_of_record(ByteView bytes) {
  const auto header = fixed_part<hinomi_header>(bytes);
  return header ? header->time : 0;
}

std::size_t size_of_record(ByteView bytes) {
  const auto header = fixed_part<hinomi_header>(bytes);
  if (!header || header->size < sizeof(hinomi_header) || header->size > HINOMI_RECORD_LIMIT ||
      header->size > bytes.size())
    return 0;
  return header->size;
}

base::Result<Record> decode_record(ByteView bytes) {
  const auto header = fixed_part<hinomi_header>(bytes);
  if (!header) return fail(Errc::malformed, "record: too short for a header");
  if (header->version != HINOMI_RECORD_VERSION) return fail(Errc::malformed, "record: another version");
  if (header->size != bytes.size()) return fail(Errc::malformed, "record: another size than it says");
  switch (header->kind) {
    case HINOMI_EXEC:
    case HINOMI_TASK: return decode_exec(bytes);
    case HINOMI_FORK: {
      const auto raw = fixed_part<hinomi_fork>(bytes);
      if (!raw || bytes.size() != sizeof(hinomi_fork)) return fail(Errc::malformed, "record: fork has another size");
      return Record(ForkRecord{.time = header->time,
                               .child = {.start = header->start, .tgid = header->tgid},
                               .parent = {.start = raw->parent_start, .tgid = raw->parent_tgid}});
    }
    case HINOMI_EXIT: {
      const auto raw = fixed_part<hinomi_exit>(bytes);
      if (!raw || bytes.size() != sizeof(hinomi_exit)) return fail(Errc::malformed, "record: exit has another size");
      return Record(ExitRecord{.time = header->time,
                               .process = {.start = header->start, .tgid = header->tgid},
                               .code = raw->status >> 8 & 0xff,
                               .signal = raw->status & 0x7f});
    }
    case HINOMI_CONNECT:
    case HINOMI_ACCEPT: return decode_network(*header, bytes);
    default: return fail(Errc::malformed, "record: unknown kind");
  }
}

}  // namespace hinomi::observe::endpoint
