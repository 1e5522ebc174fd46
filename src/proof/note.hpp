// Signed notes (https://c2sp.org/signed-note): a text, an empty line, and one line a signature:
//   <em dash> <key name> <base64(key id, 4 bytes big-endian || signature)>
// A note is accepted if at least one key that the caller knows signed it and no key that the caller knows failed;
// signatures of other keys are ignored. A key is known by name and id together.
// Owns:    nothing.
// Threads: pure functions.
// Fails:   Errc::malformed, Errc::too_large (1 MiB, 100 signatures), Errc::forbidden if a known key's signature does
// not
//          verify, Errc::unauthenticated if no known key signed.
#pragma once

#include <hinomi/proof/key.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::proof {

inline constexpr std::size_t kMaxNote = 1U << 20;
inline constexpr std::size_t kMaxNoteSignatures = 100;

// Text that can be signed: not empty, ends with a line feed, valid UTF-8, no other ASCII control character.
bool is_valid_note_text(std::string_view text);

// `text` must satisfy is_valid_note_text and there must be a key; anything else is a bug of the caller.
std::string sign_note(std::string_view text, std::span<const SigningKey* const> keys);

struct OpenNote {
  std::string text;                    // ends with a line feed
  std::vector<std::string> signed_by;  // names of the known keys that verified, in the note's order, each key once
};
base::Result<OpenNote> open_note(std::string_view note, std::span<const VerifierKey> known);

}  // namespace hinomi::proof
