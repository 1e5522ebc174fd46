// Finding: a rule held on evidence.
// Threads: values.
#pragma once

#include <hinomi/model/event.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace hinomi::model {

// Sigma's levels, in order.
enum class Level : std::uint8_t { informational, low, medium, high, critical };
std::string_view name_of(Level level);
base::Result<Level> level_named(std::string_view name);

struct RuleRef {
  std::string id;       // the rule's own UUID
  base::Digest digest;  // of the rule file's bytes
  std::string title;
  std::string author;
  Level level = Level::medium;
  std::vector<std::string> tags;  // for example attack.t1059.004
  bool operator==(const RuleRef&) const = default;
};

struct Evidence {
  EntryRef entry;
  EventId event;
  bool operator==(const Evidence&) const = default;
  auto operator<=>(const Evidence&) const = default;
};

// One process of the line from the first ancestor to the one the rule held on.
struct Ancestor {
  std::string guid;
  std::string executable;
  bool operator==(const Ancestor&) const = default;
};

// A value that the rule looked at and that made it hold.
struct MatchedField {
  std::string field;  // Sigma name
  std::string value;  // as matched; may be long
  bool operator==(const MatchedField&) const = default;
};

struct Finding {
  FindingId id;  // UUIDv5 of (rule id, rule digest, evidence)
  RuleRef rule;
  std::string engine;  // version of the engine that derived it
  OrganisationId organisation;
  SystemId system;
  HostId host;
  std::string host_name;
  base::Time source_time;          // of the event
  base::Time received_time;        // of its batch: `created` and order
  std::string process_guid;        // of the process it is about; empty if none
  std::vector<Ancestor> ancestry;  // eldest first; the process itself last
  std::vector<MatchedField> matched;
  std::vector<Evidence> evidence;  // never empty
  bool operator==(const Finding&) const = default;
};

FindingId make_finding_id(const RuleRef& rule, const std::vector<Evidence>& evidence);

std::string to_json(
    const Finding& finding);  // keys in a fixed order: the bytes are the identity that rederive compares
base::Result<Finding> finding_from_json(std::string_view json);

}  // namespace hinomi::model
