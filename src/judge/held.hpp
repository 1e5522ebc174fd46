// Values that must not go out as indicators, and why: what is private, what every system has, what names nothing.
// The lists are part of the engine: a change of them is a change of its version.
// Threads: pure functions.
#pragma once

#include <hinomi/base/address.hpp>
#include <hinomi/base/digest.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace hinomi::judge {

// Whether programs in this place belong to the operating system (as far as a path can tell).
bool is_system_path(std::string_view path);

// Why the value must be held back; empty if nothing speaks against it.
std::string why_held(const base::Digest& digest);
std::string why_held(const base::IpAddress& address);
std::string why_held_name(std::string_view name);

// A name as it is looked up: lower case, without the dot at its end. Nothing if it is no domain name of letters,
// digits, hyphens and underscores (an A-label is one; a name in another script must come as A-labels).
std::optional<std::string> normalise_name(std::string_view name);

}  // namespace hinomi::judge
