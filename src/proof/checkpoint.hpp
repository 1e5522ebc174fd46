// Checkpoints (https://c2sp.org/tlog-checkpoint): what a log signs to say how it stands. Three lines: the origin that
// names the log, the size in decimal, the root in base64. Extension lines are refused: cosignatures over ML-DSA would
// not cover them, so we neither write nor trust any.
// Owns:    nothing.
// Threads: values and pure functions.
// Fails:   Errc::malformed; open_checkpoint also as open_note does, and Errc::forbidden for another log's origin.
#pragma once

#include <hinomi/proof/note.hpp>
#include <hinomi/proof/tree.hpp>

namespace hinomi::proof {

struct Checkpoint {
  std::string origin;  // one line, not empty
  std::uint64_t size = 0;
  Hash root;
  bool operator==(const Checkpoint&) const = default;
};

std::string to_text(const Checkpoint& checkpoint);
base::Result<Checkpoint> parse_checkpoint(std::string_view text);

// The checkpoint as a note with one signature. The origin must be text that a note can hold.
std::string sign_checkpoint(const Checkpoint& checkpoint, const SigningKey& key);
// Verifies the note under this one key (others' signatures are ignored) and that it speaks for this origin.
base::Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& key, std::string_view origin);

}  // namespace hinomi::proof
