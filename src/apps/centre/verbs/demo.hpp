// `hinomi demo`: plays a handful of harmless behaviours on this machine, says which findings should appear, and waits until
// the centre shows them.
// What it plays: a program run from /dev/shm (a copy of the shell with random bytes behind it, so that its digest is new
// each time), its connection to a listener of our own on loopback, a decoded script piped into a shell (it says one
// line to /dev/null), and a copy of `sleep` under the name of a system service.
// Owns:    two folders named hinomi-demo-…, the processes it starts and the listener; all are gone when it returns, also
//          after Ctrl-C or SIGTERM.
// Threads: one; takes over SIGINT and SIGTERM while it runs.
#pragma once

#include <hinomi/base/file.hpp>

#include <chrono>

namespace hinomi::centre {

struct DemoOptions {
  base::fs::path socket;  // the centre's unix socket
  bool json = false;      // one JSON object a line
  std::chrono::seconds wait{30};
};

// The program's exit code: 0 if every finding appeared, 1 if one is missing, that of the error if the centre cannot be
// asked, 130 if interrupted.
int run_demo(const DemoOptions& options);

}  // namespace hinomi::centre
