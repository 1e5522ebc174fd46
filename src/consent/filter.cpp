#include <hinomi/base/escape.hpp>
#include <hinomi/consent/filter.hpp>
#include <hinomi/consent/inside/patterns.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

namespace hinomi::consent {
namespace {

using enum model::Field;

constexpr std::size_t kMaxExcluded = 65'536;
constexpr std::size_t kMaxMatches = 100'000;  // of all patterns in one event's arguments; then the whole line goes
constexpr int kMaxGroups = 16;
constexpr std::string_view kRedacted = "***";

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Where the patterns match in `line`. Every pattern sees the text as it was observed.
std::vector<Range> find_matches(const Patterns& patterns, std::string_view line) {
  std::vector<Range> out;
  for (const auto& pattern : patterns.redactions) {
    const int groups = std::min(pattern->NumberOfCapturingGroups(), kMaxGroups - 1);
    std::array<re2::StringPiece, kMaxGroups> found;
    std::size_t at = 0;
    while (at <= line.size() && pattern->Match(line, at, line.size(), re2::RE2::UNANCHORED, found.data(), groups + 1)) {
      const auto begin = static_cast<std::size_t>(found[0].data() - line.data());
      const std::size_t end = begin + found[0].size();
      bool grouped = false;
      for (int group = 1; group <= groups; ++group) {
        const re2::StringPiece& part = found.at(static_cast<std::size_t>(group));
        if (part.data() == nullptr || part.empty()) continue;
        const auto part_begin = static_cast<std::size_t>(part.data() - line.data());
        out.push_back({part_begin, part_begin + part.size()});
        grouped = true;
      }
      if (!grouped && end > begin) out.push_back({begin, end});
      if (out.size() > kMaxMatches) return {{0, line.size()}};
      at = end > begin ? end : end + 1;
    }
  }
  return out;
}

}  // namespace

bool redact_arguments(const Manifest& manifest, std::string& arguments) {
  if (arguments.empty() || manifest.patterns().redactions.empty()) return false;
  const std::string line = model::command_line_of(arguments);
  std::vector<Range> ranges = find_matches(manifest.patterns(), line);
  if (ranges.empty()) return false;
  std::ranges::sort(ranges, {}, &Range::begin);
  std::string out;
  std::size_t at = 0;
  bool starred = false;  // the stretch between two NULs that is being overwritten has its stars already
  for (const Range& range : ranges) {
    if (range.begin > at) {
      out.append(arguments, at, range.begin - at);
      starred = false;
    }
    for (std::size_t i = std::max(at, range.begin); i < range.end && i < arguments.size(); ++i) {
      if (arguments[i] == '\0') {
        out.push_back('\0');
        starred = false;
      } else if (!starred) {
        out += kRedacted;
        starred = true;
      }
    }
    at = std::max(at, range.end);
  }
  if (at < arguments.size()) out.append(arguments, at, std::string::npos);
  arguments = std::move(out);
  return true;
}

Filter::Filter(std::shared_ptr<const Manifest> manifest, base::Bytes hash_key)
    : manifest_(std::move(manifest)), hash_key_(std::move(hash_key)) {
  HINOMI_CHECK(manifest_ != nullptr && hash_key_.size() == 32);
}

// HMAC-SHA-256 of the field's name, a NUL and the value, so that equal values of different fields differ.
std::string Filter::hashed(model::Field field, std::string_view value) const {
  std::string message(model::row_of(field).name);
  message.push_back('\0');
  message += value;
  std::array<unsigned char, 32> out{};
  unsigned length = 0;
  HINOMI_CHECK(HMAC(EVP_sha256(), hash_key_.data(), static_cast<int>(hash_key_.size()),
                    reinterpret_cast<const unsigned char*>(message.data()), message.size(), out.data(),
                    &length) != nullptr);
  return "hmac-sha256:" + base::to_hex(base::as_bytes(out));
}

bool Filter::is_excluded(const model::Event& event) {
  const Patterns& patterns = manifest_->patterns();
  const auto covers = [](const std::unique_ptr<const re2::RE2>& pattern, std::string_view path) {
    return pattern != nullptr && !path.empty() && re2::RE2::FullMatch(path, *pattern);
  };
  const auto is_user = [&](std::string_view user) {
    return !user.empty() && std::ranges::binary_search(manifest_->excluded_users(), user, std::less<>());
  };
  const std::string_view executable = event.bytes(process_executable);
  bool excluded = covers(patterns.programs, executable) || covers(patterns.paths, executable) ||
                  covers(patterns.paths, event.bytes(process_script)) ||
                  covers(patterns.paths, event.bytes(process_working_directory)) ||
                  is_user(event.bytes(process_user_id)) || is_user(event.bytes(process_user_name)) ||
                  is_user(event.bytes(process_login_user_id));
  const std::string guid(event.bytes(process_guid));
  if (guid.empty()) return excluded;
  const bool decides = event.kind == model::EventKind::process_start;  // a new program: the old verdict is over
  if (!decides && excluded_.contains(guid)) return true;
  if (decides && !excluded && excluded_.erase(guid) > 0) std::erase(excluded_order_, guid);
  if (excluded && excluded_.insert(guid).second) {
    excluded_order_.push_back(guid);
    if (excluded_order_.size() > kMaxExcluded) {
      excluded_.erase(excluded_order_.front());
      excluded_order_.pop_front();
    }
  }
  return excluded;
}

void Filter::hide_excluded_relatives(model::Event& event) {
  if (excluded_.empty()) return;
  if (excluded_.contains(std::string(event.bytes(parent_guid)))) {
    event.remove(parent_executable);
    event.remove(parent_arguments);
  }
  const std::vector<std::string>& guids = event.list(ancestor_guids);
  const std::vector<std::string>& executables = event.list(ancestor_executables);
  std::vector<std::string> shown;
  bool hidden = false;
  for (std::size_t i = 0; i < executables.size(); ++i) {
    const bool hide = i < guids.size() && excluded_.contains(guids[i]);
    hidden = hidden || hide;
    shown.push_back(hide ? std::string() : executables[i]);
  }
  if (hidden) event.set(ancestor_executables, model::FieldValue(std::move(shown)));
}

bool Filter::filter(model::Event& event) {
  // Exclusion is looked at even for kinds that are not sent: a process_start says which GUIDs are excluded.
  const bool excluded = is_excluded(event);
  if (manifest_->treatment(event.kind) != KindTreatment::send || excluded) return false;
  hide_excluded_relatives(event);

  bool cut = false;
  std::vector<std::pair<model::Field, model::FieldValue>> passed;
  passed.reserve(event.fields.size());
  bool length_is_secret = false;
  for (auto& [field, value] : event.fields) {
    const FieldRule rule = manifest_->rule(event.kind, field);
    if (rule.treatment == Treatment::drop) continue;
    const model::FieldType type = model::row_of(field).type;
    if (type == model::FieldType::arguments) {
      const bool redacted = redact_arguments(*manifest_, std::get<std::string>(value));
      if (field == process_arguments) length_is_secret = redacted;
    }
    if (rule.treatment == Treatment::truncate) {
      auto& text = std::get<std::string>(value);
      if (text.size() > rule.limit) {
        text.resize(rule.limit);
        if (type == model::FieldType::text)
          for (int cuts = 0; cuts < 3 && !base::is_valid_utf8(text); ++cuts) text.pop_back();
        if (field == process_arguments) cut = true;
      }
    } else if (rule.treatment == Treatment::hash) {
      if (auto* text = std::get_if<std::string>(&value)) {
        *text = hashed(field, *text);
        if (field == process_arguments) length_is_secret = true;
      } else {
        for (std::string& item : std::get<std::vector<std::string>>(value)) item = hashed(field, item);
      }
    }
    passed.emplace_back(field, std::move(value));
  }
  if (length_is_secret) std::erase_if(passed, [](const auto& item) { return item.first == process_arguments_length; });
  event.fields = std::move(passed);
  if (cut && manifest_->rule(event.kind, process_arguments_truncated).treatment == Treatment::keep)
    event.set(process_arguments_truncated, std::uint64_t{1});
  return true;
}

}  // namespace hinomi::consent
