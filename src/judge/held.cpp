#include <hinomi/judge/held.hpp>

#include <algorithm>
#include <array>

namespace hinomi::judge {
namespace {

constexpr std::array<std::string_view, 11> kSystemPaths{"/bin/",     "/sbin/",      "/usr/bin/",   "/usr/sbin/",
                                                        "/usr/lib/", "/usr/lib32/", "/usr/lib64/", "/usr/libexec/",
                                                        "/lib/",     "/lib64/",     "/usr/share/"};

// Special-use names: RFC 6761, 6762, 7686, 8375, 9476, and names that only ever exist inside.
constexpr std::array<std::string_view, 13> kSpecialNames{
    "arpa",     "corp",    "example", "example.com", "example.net", "example.org", "home",
    "internal", "invalid", "lan",     "local",       "localhost",   "test"};

constexpr std::array<std::string_view, 12> kResolvers{"1.1.1.1",
                                                      "1.0.0.1",
                                                      "8.8.8.8",
                                                      "8.8.4.4",
                                                      "9.9.9.9",
                                                      "149.112.112.112",
                                                      "2606:4700:4700::1111",
                                                      "2606:4700:4700::1001",
                                                      "2001:4860:4860::8888",
                                                      "2001:4860:4860::8844",
                                                      "2620:fe::fe",
                                                      "2620:fe::9"};

}  // namespace

bool is_system_path(std::string_view path) {
  if (path.find("/../") != std::string_view::npos) return false;
  return std::ranges::any_of(kSystemPaths, [path](std::string_view prefix) { return path.starts_with(prefix); });
}

std::string why_held(const base::Digest& digest) {
  static const base::Digest empty = base::sha256("");
  static const base::Digest newline = base::sha256("\n");
  return digest == empty || digest == newline ? "digest of an empty file" : "";
}

std::string why_held(const base::IpAddress& address) {
  if (address.is_special()) return "private address";
  const std::string text = address.text();
  return std::ranges::find(kResolvers, text) != kResolvers.end() ? "public resolver" : "";
}

std::string why_held_name(std::string_view name) {
  if (name.find('.') == std::string_view::npos) return "name without a domain";
  const bool special = std::ranges::any_of(kSpecialNames, [name](std::string_view suffix) {
    return name == suffix || (name.ends_with(suffix) && name[name.size() - suffix.size() - 1] == '.');
  });
  return special ? "special-use name" : "";
}

std::optional<std::string> normalise_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 253 || base::IpAddress::parse(name)) return std::nullopt;
  std::string out;
  std::size_t label = 0;
  for (const char c : name) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    const bool letter =
        (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '-' || lower == '_';
    if (c == '.' ? label == 0 : !letter) return std::nullopt;
    label = c == '.' ? 0 : label + 1;
    if (label > 63) return std::nullopt;
    out += lower;
  }
  if (label == 0) return std::nullopt;
  return out;
}

}  // namespace hinomi::judge
