#include "notes.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace hinomi::sensor {

using base::Errc;
using base::fail;
using base::Result;
using base::Status;

Status prepare_folders(const Files& files, const std::optional<Account>& uplink) {
  const bool shared = uplink.has_value() && ::geteuid() == 0;
  const auto make = [&](const base::fs::path& path, unsigned mode, bool is_uplinks) -> Status {
    TRY_VOID(base::make_folder(path, 0700));
    const uid_t user = shared && is_uplinks ? uplink->user : ::geteuid();
    const gid_t group = shared ? uplink->group : ::getegid();
    if (::chown(path.c_str(), user, group) != 0 || ::chmod(path.c_str(), mode) != 0)
      return fail(base::error_from_errno(errno, "preparing folder " + path.string()));
    return {};
  };
  TRY_VOID(make(files.data(), 0755, false));
  TRY_VOID(make(files.ledger(), 02750, false));
  TRY_VOID(make(files.inbox(), 01770, false));
  TRY_VOID(make(files.keys(), 0700, false));
  TRY_VOID(make(files.link(), 0700, true));
  return make(files.status(), 01770, false);
}

Result<consent::Trust> read_trust(const Files& files) {
  const auto text = base::read_file(files.trust(), 64U << 10);
  if (!text && text.error().code == Errc::not_found)
    return fail(Errc::not_found, fmt::format("{} is not there: this machine is not enrolled (hinomi-sensor enrol)",
                                             files.trust().string()));
  if (!text) return fail(text.error());
  auto trust = consent::parse_trust(*text);
  if (!trust) return fail(trust.error().within(files.trust().string()));
  return trust;
}

Result<std::shared_ptr<const consent::Manifest>> read_manifest(const Files& files, const consent::Trust& trust) {
  const auto note = base::read_file(files.manifest(), proof::kMaxNote);
  if (!note) return fail(note.error());
  auto manifest = consent::open_manifest(*note, trust.manifest_keys);
  if (!manifest) return fail(manifest.error().within(files.manifest().string()));
  return std::make_shared<const consent::Manifest>(std::move(*manifest));
}

Result<proof::VerifierKey> read_ledger_verifier(const Files& files) {
  base::Bytes text = TRY(base::read_file(files.ledger_verifier(), 4096));
  while (text.ends_with('\n')) text.pop_back();
  return proof::VerifierKey::parse(text);
}

Result<base::Bytes> read_untrusted(const base::fs::path& file, std::size_t limit) {
  const base::Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info{};
  if (!descriptor.is_open() || ::fstat(descriptor.get(), &info) != 0)
    return fail(base::error_from_errno(errno, "reading " + file.string()));
  if (!S_ISREG(info.st_mode)) return fail(Errc::malformed, file.string() + " is no regular file");
  base::Bytes out;
  std::array<char, 16384> buffer{};
  while (true) {
    const ssize_t got = ::read(descriptor.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(base::error_from_errno(errno, "reading " + file.string()));
    if (got == 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
    if (out.size() > limit)
      return fail(Errc::too_large, fmt::format("{} holds more than {} bytes", file.string(), limit));
  }
}

}  // namespace hinomi::sensor
