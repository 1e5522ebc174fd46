// STIX 2.1 objects from the model: the same input gives the same bytes.
// Ids are UUIDv5 under base::kHinomiNamespace, times come from evidence and carry exactly three fractional digits (clients
// that parse with %f fail above six), members stand in RFC 8785 order. Source: OASIS STIX 2.1, sections named below.
// Owns:    nothing. Threads: pure functions.
// Fails:   never; what may not be published is publish's decision.
#pragma once

#include <hinomi/base/time.hpp>
#include <hinomi/model/indicator.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::stix {

// One object, ready to be handed out.
struct Object {
  std::string id;  // <type>--<uuid>
  std::string type;
  base::Time created;   // whole milliseconds
  base::Time modified;  // whole milliseconds; equals created for a marking definition, which has no versions
  std::string json;     // RFC 8785 order, UTF-8
  bool operator==(const Object&) const = default;
};

// The five markings of TLP 2.0 (FIRST, 2022) as OASIS fixed them; never any other object.
enum class Tlp : std::uint8_t { clear, green, amber, amber_strict, red };

// What an indicator's object says beyond the indicator itself.
struct Proof {
  std::string log_origin;                 // of the log that holds its evidence, as blinded_origin gives it
  std::span<const model::RuleRef> rules;  // the rules that held; their order does not matter
};

// The object of one version of an indicator (section 4.7): level-1 pattern with one comparison, name, description, types,
// confidence, ATT&CK tactics as kill chain phases and techniques as external references, TLP:AMBER, and our extension.
// `not_before`: if given, `modified` is at least this: (id, modified) names one version forever (section 3.6).
Object indicator_object(const model::Indicator& indicator, const Proof& proof,
                        std::optional<base::Time> not_before = std::nullopt);

// Who produced the indicators: the centre. The UUID is of its name.
Object identity_object(std::string_view producer);
// The project that defines the extension; the same at every centre, since an object has one creator.
Object project_identity();
// What our extension holds (section 7.3). Nested property extension of an indicator.
Object extension_definition();
// The TLP 2.0 marking (section 7.2.1.4 and OASIS cti-stix-common-objects).
Object marking_object(Tlp tlp);

std::string identity_id(std::string_view producer);
std::string_view extension_definition_id();
std::string_view marking_id(Tlp tlp);

// An evidence log's origin with the organisation's name replaced by '~' and 26 characters of HMAC-SHA-256 under `key`:
// subscribers see which indicators rest on one log, not whose it is; who holds the key can tell. An origin that does not
// end in "/evidence/<organisation>" is blinded whole after its first segment.
std::string blinded_origin(std::string_view origin, base::ByteView key);

// Cut to whole milliseconds, as the objects carry it.
base::Time to_milliseconds(base::Time time);

}  // namespace hinomi::stix
