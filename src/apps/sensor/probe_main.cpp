// hinomi-probe: observes this machine and writes the ledger. Privileged, and without any network room.
#include "corridor.hpp"
#include "facts.hpp"

#include <fmt/core.h>
#include <CLI/CLI.hpp>

int main(int argc, char** argv) {
  CLI::App app{
      "hinomi-probe observes this machine by the manifest that its owner signed, and writes what may leave it into\n"
      "the ledger. It needs root to load its BPF programs, and then gives up what it no longer needs.\n\n"
      "  hinomi-probe --config /etc/hinomi/sensor.yaml\n"
      "  hinomi-probe --check"};
  std::string config_file;
  bool check = false;
  app.add_option("--config", config_file, "configuration file; else HINOMI_SENSOR_CONFIG, ./var/, /etc/hinomi/");
  app.add_flag("--check", check, "read the configuration, say what is wrong with it, and end");
  app.set_version_flag("--version", std::string("hinomi-probe ") + std::string(hinomi::sensor::kVersion));
  CLI11_PARSE(app, argc, argv);
  const auto fail = [](const hinomi::base::Error& error) {
    fmt::print(stderr, "hinomi-probe: {}\n", error.what);
    return hinomi::base::exit_code_of(error.code);
  };
  const auto config = hinomi::sensor::Config::find(config_file);
  if (!config) return fail(config.error());
  if (check) return 0;
  const auto ran = hinomi::sensor::run_probe(*config);
  return ran ? 0 : fail(ran.error());
}
