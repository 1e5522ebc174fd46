#include <config.hpp>

#include <hinomi/base/yaml.hpp>

#include <fmt/core.h>

#include <cstdlib>
#include <functional>
#include <map>

namespace hinomi::centre {
namespace {

using base::Yaml;

base::Error at(const base::fs::path& file, int line, std::string_view what) {
  return {base::Errc::malformed, fmt::format("{}, line {}: {}", file.string(), line, what)};
}

using Setting = std::function<base::Status(const Yaml&)>;

// Hands every entry of a map to its setting; what no setting is there for is an error.
base::Status read_map(const Yaml& map, const base::fs::path& file, const std::string& within,
                      const std::map<std::string, Setting>& settings) {
  if (!map.is_map())
    return base::fail(at(file, map.line(), within.empty() ? "settings expected" : within + " must hold settings"));
  for (const auto& [key, value] : map.entries()) {
    const auto setting = settings.find(key);
    const std::string name = within.empty() ? key : within + "." + key;
    if (setting == settings.end())
      return base::fail(at(file, value.line(), fmt::format("there is no setting '{}'", name)));
    if (auto status = setting->second(value); !status)
      return base::fail(at(file, value.line(), fmt::format("{}: {}", name, status.error().what)));
  }
  return {};
}

Setting text(std::string& to) {
  return [&to](const Yaml& value) -> base::Status {
    to = TRY(value.as_text());
    if (to.empty()) return base::fail(base::Errc::malformed, "must not be empty");
    return {};
  };
}
Setting texts(std::vector<std::string>& to) {
  return [&to](const Yaml& value) -> base::Status {
    to.clear();
    if (!value.is_null()) to = TRY(value.as_text_list());
    return {};
  };
}
Setting path(base::fs::path& to, const base::fs::path& from) {
  return [&to, from](const Yaml& value) -> base::Status {
    to = (from / TRY(value.as_text())).lexically_normal();
    return {};
  };
}
Setting number(unsigned& to, unsigned least, unsigned most) {
  return [&to, least, most](const Yaml& value) -> base::Status {
    const std::int64_t given = TRY(value.as_integer());
    if (given < least || given > most)
      return base::fail(base::Errc::malformed, fmt::format("must be {} to {}", least, most));
    to = static_cast<unsigned>(given);
    return {};
  };
}

}  // namespace

base::Result<Config> Config::parse(std::string_view yaml, const base::fs::path& file) {
  auto document = Yaml::parse(yaml);
  if (!document) return base::fail(document.error().within(file.string()));
  Config out;
  out.file = file;
  const base::fs::path from = base::fs::absolute(file).parent_path();
  const Setting organisations = [&](const Yaml& value) -> base::Status {
    if (value.is_null()) return {};
    for (const std::string& name : TRY(value.as_text_list())) {
      out.organisations.push_back(TRY(model::OrganisationId::parse(name)));
      if (name == "centre") return base::fail(base::Errc::malformed, "'centre' is the name of the centre itself");
    }
    return {};
  };
  const Setting link = [&](const Yaml& value) {
    return read_map(value, file, "link", {{"address", text(out.link_address)}, {"url", text(out.link_url)}});
  };
  const Setting console = [&](const Yaml& value) {
    return read_map(
        value, file, "console",
        {{"address", text(out.console_address)}, {"url", text(out.console_url)}, {"web", path(out.web, from)}});
  };
  const Setting store = [&](const Yaml& value) {
    return read_map(value, file, "store",
                    {{"memory_mebibytes", number(out.store_memory_mebibytes, 64, 1U << 20)},
                     {"threads", number(out.store_threads, 1, 256)}});
  };
  TRY_VOID(read_map(*document, file, "",
                    {{"name", text(out.name)},
                     {"data", path(out.data, from)},
                     {"rules", path(out.rules, from)},
                     {"organisations", organisations},
                     {"server_names", texts(out.server_names)},
                     {"link", link},
                     {"console", console},
                     {"store", store}}));
  return out;
}

base::Result<Config> Config::load(const base::fs::path& file) {
  const base::Bytes yaml = TRY(base::read_file(file, 1U << 20));
  return parse(yaml, file);
}

std::vector<std::string> Config::console_hosts() const {
  const std::string port = console_address.substr(console_address.rfind(':') + 1);
  std::vector<std::string> out;
  for (const std::string& host : server_names) {
    const bool v6 = host.find(':') != host.npos;
    out.push_back(fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port));
  }
  return out;
}

base::Result<base::fs::path> find_config(const std::string& given) {
  if (!given.empty()) return base::fs::path(given);
  if (const char* named = std::getenv("HINOMI_CONFIG"); named != nullptr && *named != '\0')
    return base::fs::path(named);
  std::error_code ignored;
  for (const char* place : {"var/hinomi.yaml", "/etc/hinomi/hinomi.yaml"})
    if (base::fs::exists(place, ignored)) return base::fs::path(place);
  return base::fail(base::Errc::not_found,
                    "no configuration: neither --config nor HINOMI_CONFIG is given, and neither var/hinomi.yaml nor "
                    "/etc/hinomi/hinomi.yaml is there");
}

}  // namespace hinomi::centre
