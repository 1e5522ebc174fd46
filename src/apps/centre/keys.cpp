#include <keys.hpp>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <sys/stat.h>

#include <optional>

namespace hinomi::centre {
namespace {

constexpr std::int64_t kDay = 86'400;

// The secret's text; nothing if there is no such file.
base::Result<std::optional<base::Bytes>> read_secret(const base::fs::path& file) {
  struct stat found{};
  if (stat(file.c_str(), &found) != 0) {
    if (errno == ENOENT) return std::optional<base::Bytes>();
    return base::fail(base::error_from_errno(errno, file.string()));
  }
  if ((found.st_mode & 077) != 0)
    return base::fail(base::Errc::forbidden,
                      fmt::format("{}: others may read this secret; its mode must be 0600", file.string()));
  return std::optional<base::Bytes>(TRY(base::read_file(file, 1U << 20)));
}

}  // namespace

base::Result<proof::SigningKey> open_signing_key(const base::fs::path& folder, const std::string& name,
                                                 base::Random& random) {
  TRY_VOID(base::make_folder(folder));
  const base::fs::path file = folder / "evidence.key";
  if (const auto text = TRY(read_secret(file))) {
    auto key = proof::SigningKey::parse(text->substr(0, text->find('\n')));
    if (!key) return base::fail(key.error().within(file.string()));
    if (key->name() != name)
      return base::fail(base::Errc::conflict,
                        fmt::format("{} belongs to the centre '{}', the configuration says '{}': a centre's "
                                    "name cannot be changed",
                                    file.string(), key->name(), name));
    return key;
  }
  if (!proof::is_valid_key_name(name))
    return base::fail(base::Errc::invalid_argument, fmt::format("'{}' cannot be a centre's name", name));
  proof::SigningKey key = proof::SigningKey::generate(name, random);
  TRY_VOID(base::write_file(file, key.text() + "\n", base::Durability::synced, 0600));
  TRY_VOID(base::write_file(folder / "evidence.vkey", key.verifier().text() + "\n"));
  return key;
}

base::Result<base::Bytes> open_secret(const base::fs::path& folder, const std::string& name, std::size_t size,
                                      base::Random& random) {
  const base::fs::path file = folder / name;
  if (auto there = TRY(read_secret(file))) {
    if (there->size() != size)
      return base::fail(base::Errc::corrupt, fmt::format("{} must hold {} bytes", file.string(), size));
    return std::move(*there);
  }
  base::Bytes secret = random.bytes(size);
  TRY_VOID(base::write_file(file, secret, base::Durability::synced, 0600));
  return secret;
}

base::Result<access::ServerCertificate> open_server_certificate(const base::fs::path& folder,
                                                                const access::CertificateAuthority& authority,
                                                                const std::vector<std::string>& names, base::Time now) {
  const base::fs::path about = folder / "server.about";  // what the certificate was made for, and until when it is used
  const std::string wanted = fmt::format("{}\n{}\n", authority.sha256().hex(), fmt::join(names, ","));
  const auto said = base::read_file(about, 1U << 16);
  if (said && said->starts_with(wanted)) {
    const auto until = base::Time::parse_rfc3339(std::string_view(*said).substr(wanted.size()));
    const auto chain = base::read_file(folder / "server.pem", 1U << 20);
    const auto key = TRY(read_secret(folder / "server.key"));
    if (until && now < *until && chain && key) return access::ServerCertificate{*chain, *key};
  }
  constexpr std::int64_t kDays = 365;
  auto made = TRY(authority.issue_server(names, now.plus_seconds(-3600), now.plus_seconds(kDays * kDay)));
  TRY_VOID(base::write_file(folder / "server.key", made.key_pem, base::Durability::synced, 0600));
  TRY_VOID(base::write_file(folder / "server.pem", made.chain_pem));
  TRY_VOID(base::write_file(about, wanted + now.plus_seconds((kDays - 30) * kDay).rfc3339(0)));
  return made;
}

}  // namespace hinomi::centre
