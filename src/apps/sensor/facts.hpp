// Facts about this machine and these programs, for sensor_start and enrolment.
// Threads: free functions. Fails: never; what cannot be read is absent.
#pragma once

#include <hinomi/base/digest.hpp>
#include <hinomi/model/event.hpp>

#include <string>
#include <vector>

namespace hinomi::sensor {

inline constexpr std::string_view kVersion = HINOMI_VERSION;

std::string host_name();
std::string machine_id();  // /etc/machine-id; "" if there is none

// "name:sha256" of this program and of the other one beside it.
std::vector<std::string> program_digests();

model::Event make_sensor_start(const base::Digest& manifest, std::vector<std::string> hooks,
                               std::vector<std::string> programs, base::Time now);
model::Event make_sensor_stop(const base::Digest& manifest, base::Time now);

}  // namespace hinomi::sensor
