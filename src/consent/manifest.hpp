// The manifest: what may leave this machine, as its owner signed it.
// A YAML text inside a signed note, so that what is read and what is signed are the same bytes; packaging/manifest.yaml
// is the documented example. Everything is refused unless it is listed: a kind of event that is not named, a field that
// is not named under its kind, has no way to the wire. What cannot be understood (a key, a field, a kind, a pattern)
// makes the whole manifest an error that names the line: a typing mistake must never open or close a field in silence.
// Owns:    nothing; a Manifest is an immutable value, shared as shared_ptr<const Manifest>.
// Threads: values; may be read from any thread.
// Fails:   Errc::malformed with "line N: …", Errc::too_large; open_manifest also as proof::open_note does;
//          check_successor and check_validity with Errc::conflict and Errc::forbidden.
#pragma once

#include <hinomi/base/digest.hpp>
#include <hinomi/base/time.hpp>
#include <hinomi/model/field.hpp>
#include <hinomi/model/ids.hpp>
#include <hinomi/proof/note.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::consent {

inline constexpr std::size_t kMaxManifest = 256U << 10;
inline constexpr std::size_t kMaxPatterns = 1000;  // redactions, and each list of exclusions

enum class Treatment : std::uint8_t {
  drop,      // not encoded
  keep,      // as observed (arguments: after redaction)
  truncate,  // cut to `limit` bytes
  hash,  // "hmac-sha256:" and 64 hex digits, keyed with the owner's key: equal values stay equal, nothing can be read
};
struct FieldRule {
  Treatment treatment = Treatment::drop;
  std::uint32_t limit = 0;
  bool operator==(const FieldRule&) const = default;
};

enum class KindTreatment : std::uint8_t {
  drop,   // not sent
  count,  // not sent; the leaf says how many there were
  send,
};

struct ManifestLimits {
  std::uint64_t spool_bytes = 512ULL << 20;
  std::uint64_t bandwidth_bytes_per_second = 0;  // 0: no limit
};

// Text patterns, compiled; their matching is in filter.cpp.
struct Patterns;

class Manifest {
 public:
  static base::Result<Manifest> parse(std::string_view yaml);

  [[nodiscard]] std::uint64_t version() const { return version_; }
  [[nodiscard]] const model::OrganisationId& organisation() const { return organisation_; }
  [[nodiscard]] base::Time valid_from() const { return valid_from_; }
  [[nodiscard]] base::Time valid_until() const { return valid_until_; }
  [[nodiscard]] const std::optional<base::Digest>& predecessor() const { return predecessor_; }
  [[nodiscard]] const ManifestLimits& limits() const { return limits_; }
  [[nodiscard]] KindTreatment treatment(model::EventKind kind) const;
  [[nodiscard]] FieldRule rule(model::EventKind kind, model::Field field) const;
  [[nodiscard]] const std::vector<std::string>& redactions() const { return redactions_; }
  [[nodiscard]] const std::vector<std::string>& excluded_programs() const { return excluded_programs_; }
  [[nodiscard]] const std::vector<std::string>& excluded_paths() const { return excluded_paths_; }
  [[nodiscard]] const std::vector<std::string>& excluded_users() const { return excluded_users_; }
  [[nodiscard]] const Patterns& patterns() const { return *patterns_; }

  // SHA-256 of the note it came in; of the YAML if it was parsed bare.
  [[nodiscard]] const base::Digest& digest() const { return digest_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::vector<std::string>& signed_by() const { return signed_by_; }

 private:
  friend base::Result<Manifest> open_manifest(std::string_view note, std::span<const proof::VerifierKey> keys);
  static constexpr std::size_t kKinds = 64;
  static constexpr std::size_t kFields = 128;
  struct KindRules {
    KindTreatment treatment = KindTreatment::drop;
    std::array<FieldRule, kFields> fields{};
  };
  std::uint64_t version_ = 0;
  model::OrganisationId organisation_;
  base::Time valid_from_;
  base::Time valid_until_;
  std::optional<base::Digest> predecessor_;
  ManifestLimits limits_;
  std::vector<KindRules> kinds_{kKinds};
  std::vector<std::string> redactions_;
  std::vector<std::string> excluded_programs_;
  std::vector<std::string> excluded_paths_;
  std::vector<std::string> excluded_users_;
  std::shared_ptr<const Patterns> patterns_;
  base::Digest digest_;
  std::string text_;
  std::vector<std::string> signed_by_;
};

// The manifest of a signed note. No byte of the text is parsed before a signature by one of `keys` has verified.
base::Result<Manifest> open_manifest(std::string_view note, std::span<const proof::VerifierKey> keys);

// Whether `next` may replace `current`: a higher version that names the digest of the current note as its predecessor.
base::Status check_successor(const Manifest& next, const Manifest& current);
// Whether it is for this organisation and in force at `now`.
base::Status check_validity(const Manifest& manifest, const model::OrganisationId& organisation, base::Time now);

// The YAML with its `organisation:`, `version:`, `valid_from:` and `valid_until:` lines replaced (each must be there,
// at the beginning of a line): how an installation makes its first manifest from the packaged one.
struct ManifestFill {
  model::OrganisationId organisation;
  std::uint64_t version = 1;
  base::Time valid_from;
  base::Time valid_until;
};
base::Result<std::string> fill_manifest(std::string_view yaml, const ManifestFill& fill);

}  // namespace hinomi::consent
