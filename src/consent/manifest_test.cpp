#include <hinomi/base/file.hpp>
#include <hinomi/consent/manifest.hpp>

#include <gtest/gtest.h>

namespace hinomi::consent {
namespace {

using base::Errc;

const std::string kHead =
    "manifest: 1\nversion: 3\norganisation: city-hall\nvalid_from: 2026-01-01T00:00:00Z\n"
    "valid_until: 2027-01-01T00:00:00Z\n"
    "predecessor: 0000000000000000000000000000000000000000000000000000000000000001\n";
const std::string kMust =
    "  loss: {loss_of: keep, loss_count: keep, loss_is_exact: keep}\n"
    "  sensor_start: {sensor_version: keep, sensor_manifest: keep}\n"
    "  sensor_stop: {sensor_version: keep}\n";

std::string with_events(std::string_view events) { return kHead + "events:\n" + kMust + std::string(events); }

// The error of a manifest that must not be accepted.
std::string refusal(const std::string& yaml) {
  const auto manifest = Manifest::parse(yaml);
  EXPECT_FALSE(manifest.has_value()) << yaml;
  if (manifest) return "accepted";
  EXPECT_EQ(manifest.error().code, Errc::malformed);
  return manifest.error().what;
}

TEST(Manifest, reads_what_each_kind_and_field_may_do) {
  const auto manifest = Manifest::parse(with_events(
      "  process_start:\n    process_guid: keep\n    process_arguments: {truncate: 100}\n    process_user_name: hash\n"
      "    process_id: drop\n  process_fork: count\n  process_exit: drop\n"));
  ASSERT_TRUE(manifest) << manifest.error().what;
  using enum model::Field;
  const auto kind = model::EventKind::process_start;
  EXPECT_EQ(manifest->version(), 3u);
  EXPECT_EQ(manifest->organisation().text(), "city-hall");
  EXPECT_EQ(manifest->rule(kind, process_guid), (FieldRule{Treatment::keep, 0}));
  EXPECT_EQ(manifest->rule(kind, process_arguments), (FieldRule{Treatment::truncate, 100}));
  EXPECT_EQ(manifest->rule(kind, process_user_name), (FieldRule{Treatment::hash, 0}));
  EXPECT_EQ(manifest->rule(kind, process_id), FieldRule{});
  EXPECT_EQ(manifest->rule(kind, process_executable), FieldRule{}) << "an unlisted field is dropped";
  EXPECT_EQ(manifest->treatment(model::EventKind::process_fork), KindTreatment::count);
  EXPECT_EQ(manifest->treatment(model::EventKind::process_exit), KindTreatment::drop);
  EXPECT_EQ(manifest->treatment(model::EventKind::network_connect), KindTreatment::drop)
      << "an unlisted kind is dropped";
}

TEST(Manifest, names_the_line_of_what_it_does_not_understand) {
  EXPECT_EQ(refusal(with_events("  process_strat: count\n")), "line 11: there is no kind of event 'process_strat'");
  EXPECT_EQ(refusal(with_events("  process_start:\n    process_gid: keep\n")),
            "line 12: there is no field 'process_gid'");
  EXPECT_EQ(refusal(with_events("  process_start:\n    destination_port: keep\n")),
            "line 12: process_start has no field 'destination_port'");
  EXPECT_EQ(refusal(with_events("  process_start:\n    process_guid: maybe\n")),
            "line 12: process_guid must be keep, drop, hash or {truncate: BYTES}");
  EXPECT_EQ(refusal(with_events("  process_start:\n    process_id: hash\n")),
            "line 12: process_id cannot be hashed: only texts, paths and arguments can");
  EXPECT_EQ(refusal(with_events("  process_start:\n    process_sha256: {truncate: 4}\n")),
            "line 12: process_sha256 cannot be truncated: only texts, paths and arguments can");
  EXPECT_EQ(refusal(with_events("  process_start: maybe\n")),
            "line 11: process_start must be a map of fields, or count, or drop");
  EXPECT_EQ(refusal(with_events("  process_fork: count\n") + "exclde: {}\n"),
            "line 12: the manifest has no key 'exclde'");
  EXPECT_EQ(refusal(with_events("  process_fork: count\n") + "exclude: {program: [/bin/x]}\n"),
            "line 12: exclude has no key 'program'");
  EXPECT_EQ(refusal(with_events("  process_fork: count\n") + "exclude: {programs: [bin/x]}\n"),
            "line 12: 'bin/x' must begin with / or *: it is compared with whole paths");
  EXPECT_EQ(refusal(with_events("  process_fork: count\n") + "limits: {spool_bytes: lots}\n"),
            "line 12: spool_bytes must be a whole number from 4194304 to 1099511627776");
}

TEST(Manifest, names_the_line_of_a_redaction_that_is_no_regular_expression) {
  EXPECT_EQ(refusal(with_events("  process_fork: count\n") + "redact:\n  - 'fine'\n  - '(unclosed'\n"),
            "line 14: not a regular expression (RE2): missing ): (unclosed");
  EXPECT_EQ(refusal(with_events("  process_fork: count\n") + "redact: ['x*']\n"),
            "line 12: a redaction that matches nothing at all would match everywhere");
}

TEST(Manifest, refuses_a_kind_or_key_that_stands_twice) {
  EXPECT_EQ(refusal(with_events("  process_fork: count\n  process_fork: drop\n")),
            "line 12: 'process_fork' stands twice in one map");
  EXPECT_EQ(refusal(with_events("  process_start:\n    process_guid: keep\n    process_guid: drop\n")),
            "line 13: 'process_guid' stands twice in one map");
}

TEST(Manifest, cannot_withhold_what_tells_a_gap_from_silence) {
  EXPECT_EQ(refusal(kHead + "events:\n  process_fork: count\n"),
            "line 8: loss: loss_of must be kept, so that a gap can be told from silence");
  EXPECT_NE(refusal(kHead + "events:\n  loss: count\n").find("loss_of must be kept"), std::string::npos);
}

TEST(Manifest, needs_version_organisation_and_validity) {
  EXPECT_EQ(refusal("manifest: 1\n"), "line 1: 'version' is missing");
  EXPECT_EQ(refusal("manifest: 2\n"), "line 1: manifest must be 1, the version of this format");
  EXPECT_NE(refusal("manifest: 1\nversion: 0\n").find("line 2: version must be"), std::string::npos);
  EXPECT_NE(refusal("manifest: 1\nversion: 1\norganisation: City Hall\n").find("line 3: an organisation must be"),
            std::string::npos);
  EXPECT_EQ(refusal("manifest: 1\nversion: 1\norganisation: a\nvalid_from: 2027-01-01T00:00:00Z\n"
                    "valid_until: 2026-01-01T00:00:00Z\nevents: {}\n"),
            "line 5: valid_until must be after valid_from");
  EXPECT_EQ(refusal("manifest: 1\nversion: 2\norganisation: a\nvalid_from: 2026-01-01T00:00:00Z\n"
                    "valid_until: 2027-01-01T00:00:00Z\nevents: {}\n"),
            "line 2: a manifest after version 1 must name its predecessor");
}

TEST(Manifest, of_the_package_is_accepted_once_it_is_filled_in) {
  const auto yaml = base::read_file(base::fs::path(HINOMI_SOURCE_DIR) / "packaging/manifest.yaml");
  ASSERT_TRUE(yaml);
  const ManifestFill fill{.organisation = *model::OrganisationId::parse("city-hall"),
                          .version = 1,
                          .valid_from = *base::Time::parse_rfc3339("2026-11-21T00:00:00Z"),
                          .valid_until = *base::Time::parse_rfc3339("2027-11-21T00:00:00Z")};
  const auto filled = fill_manifest(*yaml, fill);
  ASSERT_TRUE(filled) << filled.error().what;
  EXPECT_TRUE(proof::is_valid_note_text(*filled));
  const auto manifest = Manifest::parse(*filled);
  ASSERT_TRUE(manifest) << manifest.error().what;
  EXPECT_EQ(manifest->organisation().text(), "city-hall");
  EXPECT_EQ(manifest->valid_until(), fill.valid_until);
  EXPECT_FALSE(manifest->redactions().empty());
}

struct Keys {
  base::SystemRandom random;
  proof::SigningKey owner = proof::SigningKey::generate("owner@city-hall", random);
  proof::SigningKey stranger = proof::SigningKey::generate("stranger", random);
  [[nodiscard]] std::string note(const std::string& yaml, const proof::SigningKey& key) const {
    const proof::SigningKey* keys[] = {&key};
    return proof::sign_note(yaml, keys);
  }
};

TEST(SignedManifest, is_taken_from_the_owner_alone) {
  const Keys keys;
  const proof::VerifierKey known[] = {keys.owner.verifier()};
  const std::string yaml = with_events("  process_fork: count\n");
  const std::string note = keys.note(yaml, keys.owner);
  const auto manifest = open_manifest(note, known);
  ASSERT_TRUE(manifest) << manifest.error().what;
  EXPECT_EQ(manifest->digest(), base::sha256(note));
  EXPECT_EQ(manifest->signed_by(), std::vector<std::string>{"owner@city-hall"});

  EXPECT_EQ(open_manifest(keys.note(yaml, keys.stranger), known).error().code, Errc::unauthenticated);
  std::string changed = note;
  changed.replace(changed.find("count"), 5, "drop ");
  EXPECT_EQ(open_manifest(changed, known).error().code, Errc::forbidden);
}

TEST(SignedManifest, is_verified_before_a_byte_of_it_is_parsed) {
  const Keys keys;
  const proof::VerifierKey known[] = {keys.owner.verifier()};
  EXPECT_EQ(open_manifest(keys.note("{{{ not yaml\n", keys.stranger), known).error().code, Errc::unauthenticated);
  EXPECT_EQ(open_manifest(keys.note("{{{ not yaml\n", keys.owner), known).error().code, Errc::malformed);
}

TEST(SignedManifest, versions_only_go_up_and_name_their_predecessor) {
  const Keys keys;
  const proof::VerifierKey known[] = {keys.owner.verifier()};
  const auto made = [&](std::uint64_t version, const base::Digest& predecessor) {
    std::string yaml = with_events("  process_fork: count\n");
    yaml.replace(yaml.find("version: 3"), 10, "version: " + std::to_string(version));
    yaml.replace(yaml.find("predecessor: ") + 13, 64, predecessor.hex());
    return *open_manifest(keys.note(yaml, keys.owner), known);
  };
  const Manifest current = made(5, base::sha256("x"));
  EXPECT_TRUE(check_successor(made(6, current.digest()), current));
  EXPECT_EQ(check_successor(made(5, current.digest()), current).error().code, Errc::conflict);
  EXPECT_EQ(check_successor(made(4, current.digest()), current).error().code, Errc::conflict);
  EXPECT_EQ(check_successor(made(6, base::sha256("another")), current).error().code, Errc::conflict);
}

TEST(SignedManifest, is_in_force_for_its_organisation_and_time_only) {
  const auto manifest = *Manifest::parse(with_events("  process_fork: count\n"));
  const auto ours = *model::OrganisationId::parse("city-hall");
  const auto at = [](const char* text) { return *base::Time::parse_rfc3339(text); };
  EXPECT_TRUE(check_validity(manifest, ours, at("2026-06-01T00:00:00Z")));
  EXPECT_EQ(check_validity(manifest, ours, at("2025-12-31T23:59:59Z")).error().code, Errc::forbidden);
  EXPECT_EQ(check_validity(manifest, ours, at("2027-01-01T00:00:00Z")).error().code, Errc::forbidden);
  EXPECT_EQ(check_validity(manifest, *model::OrganisationId::parse("other"), at("2026-06-01T00:00:00Z")).error().code,
            Errc::forbidden);
}

}  // namespace
}  // namespace hinomi::consent
