// The centre's one configuration file. Every setting, its default and its meaning stand in packaging/hinomi.yaml; a test holds that
// file and this struct together.
// Threads: a value. Fails: Errc::not_found, Errc::malformed with file and line.
#pragma once

#include <hinomi/base/file.hpp>
#include <hinomi/model/ids.hpp>

#include <string>
#include <vector>

namespace hinomi::centre {

struct Config {
  std::string name = "hinomi.local";
  base::fs::path data = "/var/lib/hinomi";
  base::fs::path rules = "/usr/share/hinomi/rules";
  base::fs::path web = "/usr/share/hinomi/web";
  std::vector<model::OrganisationId> organisations;
  std::string link_address = "127.0.0.1:8444";
  std::string link_url = "https://localhost:8444";
  std::string console_address = "127.0.0.1:8443";
  std::string console_url = "https://localhost:8443";
  std::vector<std::string> server_names{"localhost", "127.0.0.1", "::1"};
  unsigned store_memory_mebibytes = 512;
  unsigned store_threads = 2;

  base::fs::path file;  // where it was read from
  bool operator==(const Config&) const = default;

  // Relative paths are meant from the file's own folder.
  static base::Result<Config> load(const base::fs::path& file);
  static base::Result<Config> parse(std::string_view yaml, const base::fs::path& file);

  [[nodiscard]] base::fs::path socket() const { return data / "hinomi.sock"; }
  // What a browser may call the console: every server name with the console's port.
  [[nodiscard]] std::vector<std::string> console_hosts() const;
};

// The file that is meant: the one given, else HINOMI_CONFIG, else ./var/hinomi.yaml, else /etc/hinomi/hinomi.yaml.
base::Result<base::fs::path> find_config(const std::string& given);

}  // namespace hinomi::centre
