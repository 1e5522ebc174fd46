#include "facts.hpp"

#include <hinomi/base/escape.hpp>
#include <hinomi/base/file.hpp>

#include <fmt/core.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>

namespace hinomi::sensor {
namespace {

std::string first_line_of(const char* file) {
  const auto text = base::read_file(file, 4096);
  return text ? text->substr(0, text->find('\n')) : "";
}

std::string operating_system() {
  const auto text = base::read_file("/etc/os-release", 64U << 10);
  if (!text) return "";
  constexpr std::string_view kName = "PRETTY_NAME=";
  std::size_t at = text->starts_with(kName) ? 0 : text->find("\n" + std::string(kName));
  if (at == std::string::npos) return "";
  at = text->find('=', at) + 1;
  std::string name = text->substr(at, text->find('\n', at) - at);
  if (name.size() >= 2 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
  return base::to_utf8_lossy(name);
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? base::to_utf8_lossy(name.data()) : "";
}

std::string machine_id() { return base::to_utf8_lossy(first_line_of("/etc/machine-id")); }

std::vector<std::string> program_digests() {
  std::vector<std::string> out;
  std::error_code error;
  const base::fs::path self = base::fs::read_symlink("/proc/self/exe", error);
  for (const char* name : {"hinomi-probe", "hinomi-sensor"})
    if (const auto content = base::read_file(self.parent_path() / name, 512U << 20))
      out.push_back(fmt::format("{}:{}", name, base::sha256(*content).hex()));
  return out;
}

model::Event make_sensor_start(const base::Digest& manifest, std::vector<std::string> hooks,
                               std::vector<std::string> programs, base::Time now) {
  using enum model::Field;
  utsname kernel{};
  ::uname(&kernel);
  model::Event event{.kind = model::EventKind::sensor_start, .source_time = now, .observed_time = now};
  event.set(sensor_version, kVersion);
  event.set(sensor_programs, model::FieldValue(std::move(programs)));
  event.set(sensor_hooks, model::FieldValue(std::move(hooks)));
  event.set(sensor_manifest, manifest);
  event.set(::hinomi::model::Field::host_name, sensor::host_name());
  event.set(host_operating_system, operating_system());
  event.set(host_kernel, std::string_view(kernel.release));
  event.set(host_boot_id, first_line_of("/proc/sys/kernel/random/boot_id"));
  event.set(host_machine_id, machine_id());
  return event;
}

model::Event make_sensor_stop(const base::Digest& manifest, base::Time now) {
  model::Event event{.kind = model::EventKind::sensor_stop, .source_time = now, .observed_time = now};
  event.set(model::Field::sensor_version, kVersion);
  event.set(model::Field::sensor_manifest, manifest);
  return event;
}

}  // namespace hinomi::sensor
