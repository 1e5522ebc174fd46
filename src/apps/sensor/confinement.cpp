#include "confinement.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <set>
#include <thread>

namespace hinomi::sensor {
namespace {

using base::Errc;
using base::fail;
using base::Result;
using base::Status;

// Capabilities belong to threads. As glibc does for setuid(2), every thread is made to drop its own, in a signal handler.
std::uint64_t kept_capabilities = 0;
std::atomic<int> threads_done = 0;
std::atomic<int> first_error = 0;

void drop_own_capabilities(int) {
  const int saved = errno;
  int error = 0;
  for (int capability = 0; capability <= 63; ++capability) {
    if (((kept_capabilities >> capability) & 1) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      if (errno == EINVAL) break;  // past the last one that the kernel knows
      // EPERM: no right to (a container): no_new_privs below keeps execve from using the bounding set.
      if (errno != EPERM) error = errno;
    }
  }
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) error = errno;
  for (std::size_t word = 0; word < data.size(); ++word) {
    data.at(word).permitted &= static_cast<std::uint32_t>(kept_capabilities >> (32 * word));
    data.at(word).effective = data.at(word).permitted;
    data.at(word).inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, data.data()) != 0) error = errno;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) error = errno;
  if (error != 0) first_error.store(error);
  threads_done.fetch_add(1);
  errno = saved;
}

std::set<pid_t> threads_of_this_process() {
  std::set<pid_t> out;
  std::error_code error;
  for (const auto& entry : base::fs::directory_iterator("/proc/self/task", error))
    out.insert(static_cast<pid_t>(std::atoi(entry.path().filename().c_str())));
  return out;
}

constexpr std::uint64_t kReadFiles = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWriteFiles = kReadFiles | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                      LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                      LANDLOCK_ACCESS_FS_MAKE_DIR;
// All of the first Landlock version; what is not granted below is refused.
constexpr std::uint64_t kHandled = (1ULL << 13) - 1;

}  // namespace

Result<Account> find_account(const std::string& name) {
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return fail(Errc::not_found,
                fmt::format("there is no account '{}' on this machine: make it (useradd --system {}), or "
                            "name another as `user` in the configuration",
                            name, name));
  return Account{.user = entry.pw_uid, .group = entry.pw_gid};
}

Status switch_user(const Account& account) {
  if (::setgroups(1, &account.group) != 0 || ::setresgid(account.group, account.group, account.group) != 0 ||
      ::setresuid(account.user, account.user, account.user) != 0)
    return fail(base::error_from_errno(errno, "taking on the sensor's account"));
  if (account.user != 0 && (::setuid(0) == 0 || ::setgid(0) == 0))
    return fail(Errc::internal, "root could be taken back after the account was changed");
  return {};
}

Status drop_capabilities(std::initializer_list<int> kept) {
  kept_capabilities = 0;
  for (const int capability : kept) kept_capabilities |= 1ULL << capability;
  first_error = 0;
  const int signal = SIGRTMIN + 4;
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = &drop_own_capabilities;
  action.sa_flags = SA_RESTART;
  if (::sigaction(signal, &action, &before) != 0) return fail(base::error_from_errno(errno, "dropping capabilities"));
  // The other threads first: they are asked by a signal, which takes this thread's own right to send it. Threads that
  // appear meanwhile come from one that was asked already, or are seen in the next round.
  const pid_t self = static_cast<pid_t>(::syscall(SYS_gettid));
  std::set<pid_t> asked{self};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  bool all = false;
  while (!all) {
    all = true;
    for (const pid_t thread : threads_of_this_process()) {
      if (!asked.insert(thread).second) continue;
      all = false;
      threads_done = 0;
      if (::syscall(SYS_tgkill, ::getpid(), thread, signal) != 0) continue;  // it has just ended
      while (threads_done == 0) {
        if (!threads_of_this_process().contains(thread)) break;
        if (std::chrono::steady_clock::now() > deadline)
          return fail(Errc::timed_out, "a thread did not drop its capabilities");
        std::this_thread::yield();
      }
    }
  }
  drop_own_capabilities(0);
  ::sigaction(signal, &before, nullptr);
  if (const int error = first_error) return fail(base::error_from_errno(error, "dropping capabilities"));
  return {};
}

Status refuse_calls(Calls calls) {
  const std::unique_ptr<void, decltype(&seccomp_release)> filter(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release);
  if (filter == nullptr) return fail(Errc::io, "seccomp: the filter could not be made");
  std::vector<int> refused{SCMP_SYS(execve),
                           SCMP_SYS(execveat),
                           SCMP_SYS(ptrace),
                           SCMP_SYS(process_vm_readv),
                           SCMP_SYS(process_vm_writev),
                           SCMP_SYS(mount),
                           SCMP_SYS(umount2),
                           SCMP_SYS(move_mount),
                           SCMP_SYS(open_tree),
                           SCMP_SYS(fsopen),
                           SCMP_SYS(fsmount),
                           SCMP_SYS(fsconfig),
                           SCMP_SYS(mount_setattr),
                           SCMP_SYS(pivot_root),
                           SCMP_SYS(chroot),
                           SCMP_SYS(init_module),
                           SCMP_SYS(finit_module),
                           SCMP_SYS(delete_module),
                           SCMP_SYS(kexec_load),
                           SCMP_SYS(kexec_file_load),
                           SCMP_SYS(unshare),
                           SCMP_SYS(setns),
                           SCMP_SYS(reboot),
                           SCMP_SYS(swapon),
                           SCMP_SYS(swapoff),
                           SCMP_SYS(userfaultfd),
                           SCMP_SYS(io_uring_setup),
                           SCMP_SYS(add_key),
                           SCMP_SYS(request_key),
                           SCMP_SYS(keyctl),
                           SCMP_SYS(personality),
                           SCMP_SYS(settimeofday),
                           SCMP_SYS(clock_settime),
                           SCMP_SYS(adjtimex),
                           SCMP_SYS(iopl),
                           SCMP_SYS(ioperm),
                           SCMP_SYS(open_by_handle_at),
                           SCMP_SYS(acct),
                           SCMP_SYS(quotactl),
                           SCMP_SYS(mknod),
                           SCMP_SYS(mknodat),
                           SCMP_SYS(vhangup),
                           SCMP_SYS(pidfd_getfd)};
  if (calls == Calls::uplink) {
    refused.push_back(SCMP_SYS(bpf));
    refused.push_back(SCMP_SYS(perf_event_open));
  }
  int error = 0;
  for (const int call : refused)
    if (const int result = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0); result < 0) error = -result;
  if (calls == Calls::probe)
    for (const int family : {AF_INET, AF_INET6, AF_PACKET})
      if (const int result = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                              SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family)));
          result < 0)
        error = -result;
  if (const int result = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1); result < 0) error = -result;
  // Not being able to sort the filter costs time only.
  seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (error == 0) error = -seccomp_load(filter.get());
  if (error > 0) return fail(base::error_from_errno(error, "seccomp"));
  return {};
}

Status confine_files(const Reach& reach) {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return fail(Errc::unsupported, "this kernel has no Landlock, or it is switched off");
  landlock_ruleset_attr attributes{.handled_access_fs = kHandled};
  const base::Descriptor rules(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
  if (!rules.is_open()) return fail(base::error_from_errno(errno, "Landlock"));
  const auto allow = [&](const base::fs::path& path, std::uint64_t access) -> Status {
    const base::Descriptor place(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!place.is_open()) return {};
    struct stat info{};
    if (::fstat(place.get(), &info) == 0 && !S_ISDIR(info.st_mode))
      access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
    landlock_path_beneath_attr rule{.allowed_access = access, .parent_fd = place.get()};
    if (::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
      return fail(base::error_from_errno(errno, "Landlock: " + path.string()));
    return {};
  };
  for (const base::fs::path& path : reach.read) TRY_VOID(allow(path, kReadFiles));
  for (const base::fs::path& path : reach.write) TRY_VOID(allow(path, kWriteFiles));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::syscall(SYS_landlock_restrict_self, rules.get(), 0) != 0)
    return fail(base::error_from_errno(errno, "Landlock"));
  return {};
}

}  // namespace hinomi::sensor
