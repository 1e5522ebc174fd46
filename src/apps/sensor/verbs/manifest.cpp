// hinomi-sensor manifest: what may leave this machine; shown, checked, signed.
#include "verbs.hpp"

#include "notes.hpp"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/json.hpp>

namespace hinomi::sensor {
namespace {

namespace json = boost::json;
using base::Errc;
using base::fail;
using base::Result;

std::string joined(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
  return out;
}

std::string treatment_text(const consent::Manifest& manifest, model::EventKind kind, model::Field field) {
  const consent::FieldRule rule = manifest.rule(kind, field);
  switch (rule.treatment) {
    case consent::Treatment::keep: return "keep";
    case consent::Treatment::hash: return "hash";
    case consent::Treatment::truncate: return fmt::format("truncate {}", rule.limit);
    case consent::Treatment::drop: break;
  }
  return "drop";
}

json::object to_object(const consent::Manifest& manifest) {
  json::object events;
  for (const model::KindRow& row : model::all_kinds()) {
    if (manifest.treatment(row.kind) == consent::KindTreatment::drop) continue;
    if (manifest.treatment(row.kind) == consent::KindTreatment::count) {
      events[row.name] = "count";
      continue;
    }
    json::object fields;
    for (const model::Field field : row.fields)
      if (manifest.rule(row.kind, field).treatment != consent::Treatment::drop)
        fields[model::row_of(field).name] = treatment_text(manifest, row.kind, field);
    events[row.name] = std::move(fields);
  }
  const auto array_of = [](const std::vector<std::string>& items) {
    json::array out;
    for (const std::string& item : items) out.emplace_back(item);
    return out;
  };
  return {{"version", manifest.version()},
          {"digest", manifest.digest().hex()},
          {"organisation", manifest.organisation().text()},
          {"valid_from", manifest.valid_from().rfc3339(0)},
          {"valid_until", manifest.valid_until().rfc3339(0)},
          {"predecessor", manifest.predecessor() ? json::value(manifest.predecessor()->hex()) : json::value(nullptr)},
          {"signed_by", array_of(manifest.signed_by())},
          {"events", std::move(events)},
          {"exclude", json::object{{"programs", array_of(manifest.excluded_programs())},
                                   {"paths", array_of(manifest.excluded_paths())},
                                   {"users", array_of(manifest.excluded_users())}}},
          {"redact", array_of(manifest.redactions())},
          {"limits", json::object{{"spool_bytes", manifest.limits().spool_bytes},
                                  {"bandwidth_bytes_per_second", manifest.limits().bandwidth_bytes_per_second}}}};
}

Result<consent::Manifest> read_bare(const std::string& file) {
  const base::Bytes yaml = TRY(base::read_file(file, consent::kMaxManifest));
  auto manifest = consent::Manifest::parse(yaml);
  if (!manifest) return fail(manifest.error().within(file));
  if (!proof::is_valid_note_text(yaml))
    return fail(Errc::malformed, fmt::format("{}: a manifest is UTF-8, has no tabs, and ends with a line feed", file));
  return manifest;
}

}  // namespace

Result<int> show_manifest(const Context& context) {
  const Files files(context.config.data);
  const consent::Trust trust = TRY(read_trust(files));
  const auto manifest = TRY(read_manifest(files, trust));
  if (context.json) {
    fmt::print("{}\n", json::serialize(to_object(*manifest)));
    return 0;
  }
  fmt::print("{}\n\n{}",
             context.texts.text("sensor.manifest.head", {{"version", fmt::format("{}", manifest->version())},
                                                         {"organisation", manifest->organisation().text()},
                                                         {"from", manifest->valid_from().rfc3339(0)},
                                                         {"until", manifest->valid_until().rfc3339(0)},
                                                         {"signed_by", joined(manifest->signed_by())},
                                                         {"digest", manifest->digest().hex()}}),
             manifest->text());
  return 0;
}

Result<int> check_manifest(const Context& context, const std::string& file) {
  const consent::Manifest manifest = TRY(read_bare(file));
  if (context.json) fmt::print("{}\n", json::serialize(to_object(manifest)));
  else fmt::print("{}\n", context.texts.text("sensor.manifest.good", {{"file", file}}));
  return 0;
}

Result<int> sign_manifest(const Context& context, const SignArguments& arguments) {
  const Files files(context.config.data);
  const consent::Manifest manifest = TRY(read_bare(arguments.file));
  const base::fs::path key_file = arguments.key_file.empty() ? files.owner_key() : base::fs::path(arguments.key_file);
  struct stat info{};
  if (::stat(key_file.c_str(), &info) == 0 && (info.st_mode & 077) != 0)
    return fail(Errc::forbidden,
                fmt::format("{} may be read by others than its owner: chmod 600 it", key_file.string()));
  base::Bytes key_text = TRY(base::read_file(key_file, 4096));
  while (key_text.ends_with('\n')) key_text.pop_back();
  const auto key = proof::SigningKey::parse(key_text);
  if (!key) return fail(key.error().within(key_file.string()));
  const proof::SigningKey* signers[] = {&*key};
  const std::string note = proof::sign_note(manifest.text(), signers);
  if (!arguments.out.empty()) {
    TRY_VOID(base::write_file(arguments.out, note));
    fmt::print("{}\n", context.texts.text("sensor.manifest.signed", {{"file", arguments.out}, {"key", key->name()}}));
    return 0;
  }

  const consent::Trust trust = TRY(read_trust(files));
  const consent::Manifest next = TRY(consent::open_manifest(note, trust.manifest_keys));
  const base::SystemClock clock;
  TRY_VOID(consent::check_validity(next, trust.organisation, clock.now()));
  const std::string version = fmt::format("{}", next.version());
  // Until the probe has run for the first time there is nothing that this one would have to follow.
  if (!base::fs::exists(files.ledger() / "state")) {
    TRY_VOID(base::write_file(files.manifest(), note, base::Durability::synced, 0644));
    fmt::print("{}\n", context.texts.text("sensor.manifest.in_force", {{"version", version}}));
    return 0;
  }
  const auto current = TRY(read_manifest(files, trust));
  if (current->digest() == next.digest()) {
    fmt::print("{}\n", context.texts.text("sensor.manifest.in_force", {{"version", version}}));
    return 0;
  }
  TRY_VOID(consent::check_successor(next, *current));
  TRY_VOID(base::write_file(files.inbox() / fmt::format("{}{}", version, kManifestSuffix), note,
                            base::Durability::synced, 0600));
  fmt::print("{}\n", context.texts.text("sensor.manifest.handed_over", {{"version", version}}));
  return 0;
}

}  // namespace hinomi::sensor
