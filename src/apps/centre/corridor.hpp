// The centre as a running program.
// Owns: everything it is made of. Threads: serve() blocks until SIGTERM or SIGINT. Fails: what a room says at start.
#pragma once

#include <config.hpp>

namespace hinomi::centre {

struct ServeOptions {
  bool print_login = false;  // the first start's login link, also when nobody sits at a terminal
};
base::Status serve(const Config& config, const ServeOptions& options);

}  // namespace hinomi::centre
