#include <hinomi/base/yaml.hpp>
#include <hinomi/consent/inside/patterns.hpp>
#include <hinomi/consent/manifest.hpp>

#include <fmt/core.h>

#include <algorithm>

namespace hinomi::consent {
namespace {

using base::Errc;
using base::fail;
using base::Result;
using base::Status;
using base::Yaml;

constexpr std::int64_t kFormat = 1;
constexpr std::int64_t kPatternMemory = 8 << 20;
constexpr std::size_t kMaxPattern = 1000;

std::unexpected<base::Error> wrong(int line, std::string_view what) {
  return fail(Errc::malformed, fmt::format("line {}: {}", line, what));
}

Result<const Yaml*> required(const Yaml& map, std::string_view key) {
  if (const Yaml* found = map.find(key)) return found;
  return wrong(map.line(), fmt::format("'{}' is missing", key));
}

Status refuse_unknown(const Yaml& map, std::initializer_list<std::string_view> known, std::string_view where) {
  if (!map.is_map()) return wrong(map.line(), fmt::format("{} must be a map", where));
  const auto unknown = map.unknown_keys(known);
  if (!unknown.empty()) return wrong(unknown[0].second, fmt::format("{} has no key '{}'", where, unknown[0].first));
  return {};
}

Result<std::uint64_t> number_at(const Yaml& node, std::string_view name, std::uint64_t least, std::uint64_t most) {
  const auto value = node.as_integer();
  if (!value || *value < 0 || static_cast<std::uint64_t>(*value) < least || static_cast<std::uint64_t>(*value) > most)
    return wrong(node.line(), fmt::format("{} must be a whole number from {} to {}", name, least, most));
  return static_cast<std::uint64_t>(*value);
}

Result<base::Time> time_at(const Yaml& map, std::string_view key) {
  const Yaml* node = TRY(required(map, key));
  const auto text = node->as_text();
  const auto time = text ? base::Time::parse_rfc3339(*text) : Result<base::Time>(fail(text.error()));
  if (!time) return wrong(node->line(), fmt::format("{} must be a time such as 2026-11-01T00:00:00Z", key));
  return *time;
}

bool may_be_cut(model::FieldType type) {
  using enum model::FieldType;
  return type == text || type == path || type == arguments;
}
bool may_be_hashed(model::FieldType type) {
  using enum model::FieldType;
  return may_be_cut(type) || type == texts || type == paths;
}

Result<FieldRule> field_rule(const Yaml& node, const model::FieldRow& row) {
  const std::string expected = fmt::format("{} must be keep, drop, hash or {{truncate: BYTES}}", row.name);
  if (node.is_map()) {
    TRY_VOID(refuse_unknown(node, {"truncate"}, row.name));
    const Yaml* limit = node.find("truncate");
    if (limit == nullptr) return wrong(node.line(), expected);
    if (!may_be_cut(row.type))
      return wrong(node.line(), fmt::format("{} cannot be truncated: only texts, paths and arguments can", row.name));
    return FieldRule{.treatment = Treatment::truncate,
                     .limit = static_cast<std::uint32_t>(TRY(number_at(*limit, "truncate", 1, 1U << 20)))};
  }
  if (!node.is_scalar()) return wrong(node.line(), expected);
  if (node.text() == "keep") return FieldRule{.treatment = Treatment::keep};
  if (node.text() == "drop") return FieldRule{};
  if (node.text() == "hash") {
    if (!may_be_hashed(row.type))
      return wrong(node.line(), fmt::format("{} cannot be hashed: only texts, paths and arguments can", row.name));
    return FieldRule{.treatment = Treatment::hash};
  }
  return wrong(node.line(), expected);
}

Result<std::vector<std::string>> text_list(const Yaml& map, std::string_view key) {
  const Yaml* node = map.find(key);
  if (node == nullptr || node->is_null()) return std::vector<std::string>{};
  if (!node->is_list()) return wrong(node->line(), fmt::format("{} must be a list", key));
  if (node->items().size() > kMaxPatterns)
    return wrong(node->line(), fmt::format("{} has more than {} entries", key, kMaxPatterns));
  std::vector<std::string> out;
  for (const Yaml& item : node->items()) {
    auto text = item.as_text();
    if (!text || text->empty() || text->size() > kMaxPattern)
      return wrong(item.line(), fmt::format("each of {} must be a text of 1 to {} bytes", key, kMaxPattern));
    out.push_back(std::move(*text));
  }
  return out;
}

// One expression for a whole list of globs; null if there is none.
Result<std::unique_ptr<const re2::RE2>> compile_globs(const std::vector<std::string>& globs, int line) {
  if (globs.empty()) return std::unique_ptr<const re2::RE2>();
  std::string all;
  for (const std::string& glob : globs) {
    if (glob.front() != '/' && glob.front() != '*')
      return wrong(line, fmt::format("'{}' must begin with / or *: it is compared with whole paths", glob));
    all += (all.empty() ? "" : "|") + inside::regular_expression_of_glob(glob);
  }
  auto compiled = std::make_unique<const re2::RE2>(all, inside::pattern_options());
  if (!compiled->ok()) return wrong(line, "the exclusions cannot be compiled: " + compiled->error());
  return Result<std::unique_ptr<const re2::RE2>>(std::move(compiled));
}

}  // namespace

namespace inside {

re2::RE2::Options pattern_options() {
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_max_mem(kPatternMemory);
  options.set_dot_nl(true);
  return options;
}

std::string regular_expression_of_glob(std::string_view glob) {
  std::string out;
  for (std::size_t i = 0; i < glob.size(); ++i) {
    if (glob.substr(i, 2) == "**") {
      out += ".*";
      ++i;
    } else if (glob[i] == '*') {
      out += "[^/]*";
    } else if (glob[i] == '?') {
      out += "[^/]";
    } else {
      out += re2::RE2::QuoteMeta(glob.substr(i, 1));
    }
  }
  if (glob.ends_with('/')) out += ".*";
  return out;
}

}  // namespace inside

KindTreatment Manifest::treatment(model::EventKind kind) const {
  const auto number = static_cast<std::size_t>(kind);
  return number < kKinds ? kinds_[number].treatment : KindTreatment::drop;
}

FieldRule Manifest::rule(model::EventKind kind, model::Field field) const {
  const auto number = static_cast<std::size_t>(kind);
  const auto column = static_cast<std::size_t>(field);
  if (number >= kKinds || column >= kFields) return {};
  return kinds_[number].fields[column];
}

Result<Manifest> Manifest::parse(std::string_view yaml) {
  if (yaml.size() > kMaxManifest)
    return fail(Errc::too_large, fmt::format("a manifest has at most {} bytes", kMaxManifest));
  const Yaml root = TRY(Yaml::parse(yaml));
  TRY_VOID(refuse_unknown(root,
                          {"manifest", "version", "organisation", "valid_from", "valid_until", "predecessor", "events",
                           "exclude", "redact", "limits"},
                          "the manifest"));
  Manifest out;
  const Yaml* format = TRY(required(root, "manifest"));
  if (const auto value = format->as_integer(); !value || *value != kFormat)
    return wrong(format->line(), fmt::format("manifest must be {}, the version of this format", kFormat));
  const Yaml* version = TRY(required(root, "version"));
  out.version_ = TRY(number_at(*version, "version", 1, 1ULL << 53));
  const Yaml* organisation = TRY(required(root, "organisation"));
  auto name = model::OrganisationId::parse(organisation->is_scalar() ? organisation->text() : "");
  if (!name) return wrong(organisation->line(), name.error().what);
  out.organisation_ = std::move(*name);
  out.valid_from_ = TRY(time_at(root, "valid_from"));
  out.valid_until_ = TRY(time_at(root, "valid_until"));
  if (out.valid_until_ <= out.valid_from_)
    return wrong(root.find("valid_until")->line(), "valid_until must be after valid_from");
  if (const Yaml* predecessor = root.find("predecessor"); predecessor != nullptr && !predecessor->is_null()) {
    const auto digest = base::Digest::parse_hex(predecessor->is_scalar() ? predecessor->text() : "");
    if (!digest) return wrong(predecessor->line(), "predecessor must be the SHA-256 of the note before, 64 hex digits");
    out.predecessor_ = *digest;
  }
  if (out.version_ > 1 && !out.predecessor_)
    return wrong(version->line(), "a manifest after version 1 must name its predecessor");

  const Yaml* events = TRY(required(root, "events"));
  if (!events->is_map()) return wrong(events->line(), "events must be a map from kinds of events to fields");
  for (const auto& [kind_name, node] : events->entries()) {
    const auto kind = model::kind_named(kind_name);
    if (!kind) return wrong(node.line(), fmt::format("there is no kind of event '{}'", kind_name));
    KindRules& rules = out.kinds_.at(static_cast<std::size_t>(*kind));
    if (node.is_scalar() && node.text() == "count") {
      rules.treatment = KindTreatment::count;
      continue;
    }
    if (node.is_scalar() && node.text() == "drop") continue;
    if (!node.is_map())
      return wrong(node.line(), fmt::format("{} must be a map of fields, or count, or drop", kind_name));
    rules.treatment = KindTreatment::send;
    for (const auto& [field_name, treatment] : node.entries()) {
      const auto field = model::field_named(field_name);
      if (!field) return wrong(treatment.line(), fmt::format("there is no field '{}'", field_name));
      if (!model::may_carry(*kind, *field))
        return wrong(treatment.line(), fmt::format("{} has no field '{}'", kind_name, field_name));
      rules.fields.at(static_cast<std::size_t>(*field)) = TRY(field_rule(treatment, model::row_of(*field)));
    }
  }
  // Silence must never be ambiguous: what says that something is missing cannot itself be withheld.
  const auto must_keep = [&](model::EventKind kind, std::initializer_list<model::Field> fields) -> Status {
    for (const model::Field field : fields)
      if (out.rule(kind, field).treatment != Treatment::keep)
        return wrong(events->line(), fmt::format("{}: {} must be kept, so that a gap can be told from silence",
                                                 model::row_of(kind).name, model::row_of(field).name));
    return {};
  };
  using enum model::Field;
  TRY_VOID(must_keep(model::EventKind::loss, {loss_of, loss_count, loss_is_exact}));
  TRY_VOID(must_keep(model::EventKind::sensor_start, {sensor_version, sensor_manifest}));
  TRY_VOID(must_keep(model::EventKind::sensor_stop, {sensor_version}));

  auto patterns = std::make_shared<Patterns>();
  if (const Yaml* exclude = root.find("exclude"); exclude != nullptr && !exclude->is_null()) {
    TRY_VOID(refuse_unknown(*exclude, {"programs", "paths", "users"}, "exclude"));
    out.excluded_programs_ = TRY(text_list(*exclude, "programs"));
    out.excluded_paths_ = TRY(text_list(*exclude, "paths"));
    out.excluded_users_ = TRY(text_list(*exclude, "users"));
    std::ranges::sort(out.excluded_users_);
    const auto line_of = [&](std::string_view key) {
      const Yaml* node = exclude->find(key);
      return node == nullptr ? exclude->line() : node->line();
    };
    patterns->programs = TRY(compile_globs(out.excluded_programs_, line_of("programs")));
    patterns->paths = TRY(compile_globs(out.excluded_paths_, line_of("paths")));
  }
  if (const Yaml* redact = root.find("redact"); redact != nullptr && !redact->is_null()) {
    out.redactions_ = TRY(text_list(root, "redact"));
    for (std::size_t i = 0; i < out.redactions_.size(); ++i) {
      auto compiled = std::make_unique<const re2::RE2>(out.redactions_[i], inside::pattern_options());
      const int line = redact->items()[i].line();
      if (!compiled->ok()) return wrong(line, "not a regular expression (RE2): " + compiled->error());
      if (re2::RE2::FullMatch("", *compiled))
        return wrong(line, "a redaction that matches nothing at all would match everywhere");
      patterns->redactions.push_back(std::move(compiled));
    }
  }
  if (const Yaml* limits = root.find("limits"); limits != nullptr && !limits->is_null()) {
    TRY_VOID(refuse_unknown(*limits, {"spool_bytes", "bandwidth_bytes_per_second"}, "limits"));
    if (const Yaml* spool = limits->find("spool_bytes"))
      out.limits_.spool_bytes = TRY(number_at(*spool, "spool_bytes", 4U << 20, 1ULL << 40));
    if (const Yaml* bandwidth = limits->find("bandwidth_bytes_per_second"))
      out.limits_.bandwidth_bytes_per_second = TRY(number_at(*bandwidth, "bandwidth_bytes_per_second", 0, 1ULL << 40));
  }
  out.patterns_ = std::move(patterns);
  out.text_ = std::string(yaml);
  out.digest_ = base::sha256(yaml);
  return out;
}

Result<Manifest> open_manifest(std::string_view note, std::span<const proof::VerifierKey> keys) {
  const proof::OpenNote opened = TRY(proof::open_note(note, keys));
  auto manifest = Manifest::parse(opened.text);
  if (!manifest) return fail(manifest.error().within("manifest"));
  manifest->digest_ = base::sha256(note);
  manifest->signed_by_ = opened.signed_by;
  return manifest;
}

Status check_successor(const Manifest& next, const Manifest& current) {
  if (next.version() <= current.version())
    return fail(Errc::conflict, fmt::format("manifest version {} does not follow version {}: versions only go up",
                                            next.version(), current.version()));
  if (!next.predecessor() || *next.predecessor() != current.digest())
    return fail(Errc::conflict, fmt::format("manifest version {} does not name the one in force ({}) as predecessor",
                                            next.version(), current.digest().hex()));
  if (next.organisation() != current.organisation())
    return fail(Errc::forbidden, fmt::format("the manifest is for {}, this machine belongs to {}",
                                             next.organisation().text(), current.organisation().text()));
  return {};
}

Status check_validity(const Manifest& manifest, const model::OrganisationId& organisation, base::Time now) {
  if (manifest.organisation() != organisation)
    return fail(Errc::forbidden, fmt::format("the manifest is for {}, this machine belongs to {}",
                                             manifest.organisation().text(), organisation.text()));
  if (now < manifest.valid_from())
    return fail(Errc::forbidden, "the manifest is not in force before " + manifest.valid_from().rfc3339(0));
  if (now >= manifest.valid_until())
    return fail(Errc::forbidden, "the manifest was in force until " + manifest.valid_until().rfc3339(0));
  return {};
}

Result<std::string> fill_manifest(std::string_view yaml, const ManifestFill& fill) {
  const std::array<std::pair<std::string_view, std::string>, 4> lines{{
      {"organisation:", fill.organisation.text()},
      {"version:", fmt::format("{}", fill.version)},
      {"valid_from:", fill.valid_from.rfc3339(0)},
      {"valid_until:", fill.valid_until.rfc3339(0)},
  }};
  std::array<int, 4> found{};
  std::string out;
  while (!yaml.empty()) {
    const std::size_t end = std::min(yaml.find('\n'), yaml.size());
    const std::string_view line = yaml.substr(0, end);
    yaml.remove_prefix(std::min(end + 1, yaml.size()));
    std::string written(line);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (!line.starts_with(lines[i].first)) continue;
      ++found[i];
      written = fmt::format("{} {}", lines[i].first, lines[i].second);
    }
    out += written + "\n";
  }
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (found[i] != 1)
      return fail(Errc::malformed, fmt::format("the manifest needs one line that begins with '{}'", lines[i].first));
  return out;
}

}  // namespace hinomi::consent
