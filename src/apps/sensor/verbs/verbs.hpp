// The verbs of hinomi-sensor, one file each; sensor_main.cpp reads the command line.
// Threads: called once, from main. A verb returns the exit code: 0 yes, 1 a check answered no; an Error else.
#pragma once

#include "config.hpp"

#include <hinomi/base/messages.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace hinomi::sensor {

struct Context {
  Config config;
  const base::Messages& texts;
  bool json = false;
};

struct EnrolArguments {
  std::string token_file;  // empty: standard input
  bool again = false;
};
base::Result<int> enrol(const Context& context, const EnrolArguments& arguments);

base::Result<int> run_uplink(const Context& context);

base::Result<int> show_status(const Context& context);

base::Result<int> show_manifest(const Context& context);
base::Result<int> check_manifest(const Context& context, const std::string& file);
struct SignArguments {
  std::string file;
  std::string key_file;  // empty: keys/owner.key
  std::string out;       // empty: into force on this machine
};
base::Result<int> sign_manifest(const Context& context, const SignArguments& arguments);

struct ListArguments {
  std::uint64_t last = 20;
};
base::Result<int> list_ledger(const Context& context, const ListArguments& arguments);
base::Result<int> show_leaf(const Context& context, std::uint64_t index);
base::Result<int> open_leaf(const Context& context, std::uint64_t index);
base::Result<int> verify_ledger_files(const Context& context);

}  // namespace hinomi::sensor
