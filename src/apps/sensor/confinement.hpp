// Giving up rights: what a program no longer needs, it must not be able to use, whoever takes it over.
// Owns:    nothing.
// Threads: switch_user and confine_files at the beginning, before there are threads; drop_capabilities and refuse_calls take
//          every thread of the process along.
// Fails:   Errc::forbidden, io, not_found (the account), unsupported (Landlock is not there).
#pragma once

#include <hinomi/base/file.hpp>

#include <initializer_list>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hinomi::sensor {

struct Account {
  uid_t user = 0;
  gid_t group = 0;
};
base::Result<Account> find_account(const std::string& name);

// For good: supplementary groups, group and user; checks that there is no way back.
base::Status switch_user(const Account& account);

// Keeps only these capabilities (numbers of linux/capability.h) in every thread, empties the bounding set of the others, and
// sets no_new_privs.
base::Status drop_capabilities(std::initializer_list<int> kept);

enum class Calls : std::uint8_t {
  uplink,  // refused: starting programs, looking into others, mounts, modules, BPF, namespaces, kexec, keyrings, …
  probe,   // the same but BPF; and Internet sockets of every kind
};
// From here on these system calls fail with EPERM, in every thread (seccomp; sets no_new_privs).
base::Status refuse_calls(Calls calls);

struct Reach {
  std::vector<base::fs::path> read;
  std::vector<base::fs::path> write;  // and read
};
// From here on this thread, and those it starts, reach files only under these folders (Landlock). Paths that do not exist
// are left out. unsupported if the kernel has no Landlock: the caller says so and goes on.
base::Status confine_files(const Reach& reach);

}  // namespace hinomi::sensor
