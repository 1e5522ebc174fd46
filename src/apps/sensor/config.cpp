#include "config.hpp"

#include <hinomi/base/yaml.hpp>

#include <fmt/core.h>

#include <cstdlib>
#include <functional>
#include <variant>

namespace hinomi::sensor {
namespace {

using base::Errc;
using base::fail;
using base::Result;

using Member = std::variant<base::fs::path Config::*, std::string Config::*, std::uint64_t Config::*>;

struct Setting {
  std::string_view name;
  Member member;
  std::uint64_t least;  // of numbers
  std::uint64_t most;
  std::string_view meaning;
};

constexpr std::uint64_t kMebi = 1ULL << 20;

const Setting kSettings[] = {
    {"data", &Config::data, 0, 0, "Folder of everything the sensor keeps: ledger, keys, manifest, status."},
    {"user", &Config::user, 0, 0,
     "Account that the uplink (hinomi-sensor run) takes on when it is started as root. Empty: it stays who it is."},
    {"centre", &Config::centre, 0, 0,
     "Address of the centre's link door, https://host:port. Empty: the one that the enrolment token named."},
    {"proxy", &Config::proxy, 0, 0, "HTTP proxy on the way to the centre, http://host:port. Empty: none."},
    {"proxy_credentials", &Config::proxy_credentials, 0, 0,
     "File of mode 0600 that holds user:password for the proxy. Empty: none."},
    {"flush_milliseconds", &Config::flush_milliseconds, 10, 60'000,
     "An event waits at most this long before it is in the ledger."},
    {"heartbeat_seconds", &Config::heartbeat_seconds, 5, 3'600, "How often the probe says that it is there."},
    {"spool_bytes", &Config::spool_bytes, 4 * kMebi, 1ULL << 40,
     "Cap on ledger payloads on disk; the manifest may lower it."},
    {"queue_events", &Config::queue_events, 1'000, 10'000'000,
     "Events that may wait in memory for the ledger; what comes on top is counted as lost."},
    {"process_ring_bytes", &Config::process_ring_bytes, kMebi, 1024 * kMebi,
     "Ring between kernel and probe for events of processes."},
    {"network_ring_bytes", &Config::network_ring_bytes, kMebi, 1024 * kMebi, "The same for connections."},
    {"digest_bytes", &Config::digest_bytes, 0, 1ULL << 40, "Larger files get no SHA-256."},
    {"inbox_bytes", &Config::inbox_bytes, kMebi, 1024 * kMebi, "Cap on what the uplink may leave for the probe."},
};

std::string text_of(const Config& config, const Setting& setting) {
  if (const auto* path = std::get_if<base::fs::path Config::*>(&setting.member)) return (config.**path).string();
  if (const auto* text = std::get_if<std::string Config::*>(&setting.member)) return config.**text;
  return fmt::format("{}", config.*std::get<std::uint64_t Config::*>(setting.member));
}

}  // namespace

Result<Config> Config::parse(std::string_view yaml, const base::fs::path& file) {
  Config out;
  out.file = file;
  const auto root = base::Yaml::parse(yaml);
  if (!root) {
    // A file that holds nothing but comments says: all defaults.
    if (const auto documents = base::Yaml::parse_all(yaml); documents && documents->empty()) return out;
    return fail(root.error().within(file.string()));
  }
  if (root->is_null()) return out;
  const auto wrong = [&](int line, std::string_view what) {
    return fail(Errc::malformed, fmt::format("{}: line {}: {}", file.string(), line, what));
  };
  if (!root->is_map()) return wrong(root->line(), "settings were expected, one `name: value` a line");
  for (const auto& [name, node] : root->entries()) {
    const Setting* found = nullptr;
    for (const Setting& setting : kSettings)
      if (setting.name == name) found = &setting;
    if (found == nullptr) return wrong(node.line(), fmt::format("there is no setting '{}'", name));
    if (!node.is_scalar()) return wrong(node.line(), fmt::format("'{}' must be one value", name));
    const std::string text = node.is_null() ? "" : node.text();
    if (const auto* path = std::get_if<base::fs::path Config::*>(&found->member)) {
      const base::fs::path value(text);
      out.** path = value.empty() || value.is_absolute() ? value : file.parent_path() / value;
    } else if (const auto* member = std::get_if<std::string Config::*>(&found->member)) {
      out.** member = text;
    } else {
      const auto number = node.as_integer();
      if (!number || *number < 0 || static_cast<std::uint64_t>(*number) < found->least ||
          static_cast<std::uint64_t>(*number) > found->most)
        return wrong(node.line(),
                     fmt::format("'{}' must be a whole number from {} to {}", name, found->least, found->most));
      out.*std::get<std::uint64_t Config::*>(found->member) = static_cast<std::uint64_t>(*number);
    }
  }
  if (out.data.empty()) return wrong(root->line(), "'data' must not be empty");
  return out;
}

Result<Config> Config::load(const base::fs::path& file) {
  const base::Bytes text = TRY(base::read_file(file, 1U << 20));
  return parse(text, base::fs::absolute(file));
}

Result<Config> Config::find(const std::string& given) {
  if (!given.empty()) return load(given);
  if (const char* named = std::getenv("HINOMI_SENSOR_CONFIG"); named != nullptr && *named != '\0') return load(named);
  for (const char* usual : {"var/sensor.yaml", "/etc/hinomi/sensor.yaml"})
    if (base::fs::exists(usual)) return load(usual);
  return Config{};
}

std::string documented_defaults() {
  std::string out =
      "# Settings of the sensor: hinomi-probe and hinomi-sensor read this file. Looked for in this order: --config,\n"
      "# HINOMI_SENSOR_CONFIG, ./var/sensor.yaml, /etc/hinomi/sensor.yaml. Shown are the defaults; relative paths are\n"
      "# meant from the folder of this file. `hinomi-sensor --check` reads it and names the line of a mistake.\n"
      "# What may leave the machine is not set here but in the signed manifest (manifest.yaml).\n";
  const Config defaults;
  for (const Setting& setting : kSettings) {
    const std::string value = text_of(defaults, setting);
    out += fmt::format("\n# {}\n{}: {}\n", setting.meaning, setting.name, value.empty() ? "\"\"" : value);
  }
  return out;
}

}  // namespace hinomi::sensor
