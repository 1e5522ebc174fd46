// The one configuration file of the sensor's two programs: packaging/sensor.yaml lists every setting with its default; it is
// made from the table in config.cpp, and a test compares the two.
// Threads: values. Fails: Errc::malformed with file and line, Errc::not_found.
#pragma once

#include <hinomi/base/file.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace hinomi::sensor {

struct Config {
  base::fs::path data = "/var/lib/hinomi-sensor";
  std::string user = "hinomi-sensor";
  std::string centre;
  std::string proxy;
  base::fs::path proxy_credentials;
  std::uint64_t flush_milliseconds = 500;
  std::uint64_t heartbeat_seconds = 60;
  std::uint64_t spool_bytes = 512ULL << 20;
  std::uint64_t queue_events = 65'536;
  std::uint64_t process_ring_bytes = 8ULL << 20;
  std::uint64_t network_ring_bytes = 4ULL << 20;
  std::uint64_t digest_bytes = 512ULL << 20;
  std::uint64_t inbox_bytes = 16ULL << 20;

  base::fs::path file;  // where it was read from; empty: defaults

  // Relative paths are meant from the file's own folder. `file` may be empty.
  static base::Result<Config> parse(std::string_view yaml, const base::fs::path& file);
  static base::Result<Config> load(const base::fs::path& file);
  // The file given, else HINOMI_SENSOR_CONFIG, else ./var/sensor.yaml, else /etc/hinomi/sensor.yaml; if there is none, the
  // defaults.
  static base::Result<Config> find(const std::string& given);
};

// The settings' documentation as a configuration file: what packaging/sensor.yaml must be.
std::string documented_defaults();

// Where things lie under `data`.
class Files {
 public:
  explicit Files(base::fs::path data) : data_(std::move(data)) {}
  [[nodiscard]] const base::fs::path& data() const { return data_; }
  [[nodiscard]] base::fs::path ledger() const { return data_ / "ledger"; }  // probe writes, uplink reads
  [[nodiscard]] base::fs::path inbox() const { return data_ / "inbox"; }    // uplink writes, probe reads
  [[nodiscard]] base::fs::path keys() const { return data_ / "keys"; }      // root alone
  [[nodiscard]] base::fs::path ledger_key() const { return keys() / "ledger.key"; }
  [[nodiscard]] base::fs::path hash_key() const { return keys() / "hash.key"; }
  [[nodiscard]] base::fs::path owner_key() const { return keys() / "owner.key"; }
  [[nodiscard]] base::fs::path ledger_verifier() const { return data_ / "ledger.vkey"; }
  [[nodiscard]] base::fs::path trust() const { return data_ / "trust.yaml"; }
  [[nodiscard]] base::fs::path manifest() const { return data_ / "manifest.note"; }
  [[nodiscard]] base::fs::path link() const { return data_ / "link"; }  // uplink alone
  [[nodiscard]] base::fs::path status() const { return data_ / "status"; }
  [[nodiscard]] base::fs::path probe_status() const { return status() / "probe.json"; }
  [[nodiscard]] base::fs::path uplink_status() const { return status() / "uplink.json"; }

 private:
  base::fs::path data_;
};

}  // namespace hinomi::sensor
