// What root and the uplink's account share on disk, and who may do what with it.
//   data/        0755 root          trust.yaml, ledger.vkey, manifest.note: read by all
//   ledger/     02750 root:uplink   the probe writes, the uplink reads
//   inbox/      01770 root:uplink   the uplink leaves notes, the probe reads and removes them
//   keys/        0700 root
//   link/        0700 uplink
//   status/     01770 root:uplink   each writes its own file; neither can replace the other's
// Threads: free functions. Fails: as base/file; read_trust and read_manifest name the file.
#pragma once

#include "config.hpp"
#include "confinement.hpp"

#include <hinomi/base/time.hpp>
#include <hinomi/consent/manifest.hpp>
#include <hinomi/consent/trust.hpp>

#include <memory>
#include <optional>

namespace hinomi::sensor {

// Makes the folders; as root for this account (the modes above), else all for oneself.
base::Status prepare_folders(const Files& files, const std::optional<Account>& uplink);

base::Result<consent::Trust> read_trust(const Files& files);
// The note in force, its signature verified under the trust file's keys.
base::Result<std::shared_ptr<const consent::Manifest>> read_manifest(const Files& files, const consent::Trust& trust);
base::Result<proof::VerifierKey> read_ledger_verifier(const Files& files);

// The content of a regular file, opened without following links and without waiting; too_large over the limit.
base::Result<base::Bytes> read_untrusted(const base::fs::path& file, std::size_t limit);

inline constexpr std::string_view kReceiptName = "receipt";  // the newest one; it stands for all before
inline constexpr std::string_view kManifestSuffix = ".manifest.note";

}  // namespace hinomi::sensor
