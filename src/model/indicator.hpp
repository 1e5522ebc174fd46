// Indicator: a value that others can look for, with what it rests on.
// Threads: values.
#pragma once

#include <hinomi/model/finding.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::model {

enum class IndicatorType : std::uint8_t { file_sha256, ipv4, ipv6, domain };
std::string_view name_of(IndicatorType type);  // file-sha256, ipv4-addr, ipv6-addr, domain-name
base::Result<IndicatorType> indicator_type_named(std::string_view name);

enum class IndicatorState : std::uint8_t {
  candidate,  // seen by its own organisation and the centre's analysts alone
  held,       // not to be published: private or well-known value; `reason` says why
  published,
};
std::string_view name_of(IndicatorState state);
base::Result<IndicatorState> indicator_state_named(std::string_view name);

struct Indicator {
  IndicatorId id;  // UUIDv5 of (producer, naming secret of its log, pattern type, pattern)
  IndicatorType type = IndicatorType::file_sha256;
  std::string value;            // normalised: lower-case hex, RFC 5952 address, A-label domain
  std::string pattern;          // STIX pattern, canonical: [ipv4-addr:value = '…']
  std::string producer;         // the centre's name
  OrganisationId organisation;  // whose evidence it rests on
  IndicatorState state = IndicatorState::candidate;
  std::string reason;                    // why held; empty else
  Level level = Level::high;             // the highest of its findings
  std::uint32_t confidence = 0;          // 0 to 100
  std::vector<std::string> tags;         // of its rules, sorted, each once
  std::vector<FindingId> findings;       // sorted, each once
  std::vector<Evidence> evidence;        // sorted, each once
  base::Time created;                    // received time of its first evidence
  base::Time modified;                   // received time of the entry that last changed it
  base::Time valid_from;                 // source time of its first evidence, clamped to received
  std::optional<EntryRef> published_by;  // the act that published it
  std::optional<base::Time> published;   // received time of that act
  bool operator==(const Indicator&) const = default;
};

// The canonical STIX pattern of a normalised value, for example [file:hashes.'SHA-256' = '…'].
std::string make_pattern(IndicatorType type, std::string_view value);
// `naming` is the secret of the organisation's log: without it, whoever reads a published id could find out by trying whose
// evidence it rests on.
IndicatorId make_indicator_id(std::string_view producer, std::string_view naming, IndicatorType type,
                              std::string_view value);

std::string to_json(const Indicator& indicator);  // keys in a fixed order
base::Result<Indicator> indicator_from_json(std::string_view json);

}  // namespace hinomi::model
