// The probe from end to end: see corridor.cpp.
// Threads: call once, from main. Fails: what starting fails with; a running probe ends only by SIGTERM or SIGINT.
#pragma once

#include "config.hpp"

namespace hinomi::sensor {

base::Status run_probe(const Config& config);

}  // namespace hinomi::sensor
