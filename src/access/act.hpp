// Act: something that a person or the centre did that changes an answer; an entry of an evidence log before it takes effect.
// Threads: values. Wire form: schema/hinomi/v1/evidence.proto, message Act.
// Limits:  16 MiB (an act of rules holds the rules; what Access itself reads, 64 KiB); kind 64 bytes of a-z and '_'; actor 256 bytes; json is one JSON object.
#pragma once

#include <hinomi/base/bytes.hpp>

#include <string>

namespace hinomi::access {

struct Act {
  std::string kind;   // for example "enrolment"
  std::string actor;  // an account, a sensor's id, "centre", or "operator:<uid>"
  std::string json;   // the content, by kind
  bool operator==(const Act&) const = default;
};

base::Bytes encode(const Act& act);
base::Result<Act> decode_act(base::ByteView bytes);  // malformed, too_large, unsupported (a newer version)

}  // namespace hinomi::access
