#include <hinomi/proof/note.hpp>

#include <hinomi/base/escape.hpp>

#include <fmt/core.h>

#include <algorithm>

namespace hinomi::proof {

using base::Bytes;
using base::ByteView;
using base::Errc;
using base::fail;
using base::Result;

namespace {

constexpr std::string_view kDash = "\u2014 ";  // em dash, space

struct Signature {
  std::string_view name;
  std::uint32_t id = 0;
  Bytes bytes;
};

Result<Signature> parse_signature(std::string_view line) {
  if (!line.starts_with(kDash)) return fail(Errc::malformed, "a signature line begins with an em dash and a space");
  line.remove_prefix(kDash.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return fail(Errc::malformed, "a signature line has a name and a signature");
  Signature out{.name = line.substr(0, space)};
  if (!is_valid_key_name(out.name)) return fail(Errc::malformed, "a signature's key name is not valid");
  const Bytes raw = TRY(base::from_base64(line.substr(space + 1)));
  if (raw.size() < 5) return fail(Errc::malformed, "a signature is longer than its key id");
  for (const char c : raw.substr(0, 4)) out.id = out.id << 8U | static_cast<unsigned char>(c);
  out.bytes = raw.substr(4);
  return out;
}

}  // namespace

bool is_valid_note_text(std::string_view text) {
  if (text.empty() || text.back() != '\n' || !base::is_valid_utf8(text)) return false;
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; });
}

std::string sign_note(std::string_view text, std::span<const SigningKey* const> keys) {
  HINOMI_CHECK(is_valid_note_text(text) && !keys.empty());
  std::string note(text);
  note += '\n';
  for (const SigningKey* key : keys) {
    const std::uint32_t id = key->verifier().id();
    Bytes raw;
    for (const unsigned shift : {24U, 16U, 8U, 0U}) raw.push_back(static_cast<char>(id >> shift & 0xffU));
    raw += key->sign(text);
    note += fmt::format("{}{} {}\n", kDash, key->name(), base::to_base64(raw));
  }
  return note;
}

Result<OpenNote> open_note(std::string_view note, std::span<const VerifierKey> known) {
  if (note.size() > kMaxNote) return fail(Errc::too_large, "a note has at most 1 MiB");
  const std::size_t gap = note.rfind("\n\n");
  if (gap == std::string_view::npos) return fail(Errc::malformed, "a note has an empty line before its signatures");
  OpenNote out{.text = std::string(note.substr(0, gap + 1))};
  if (!is_valid_note_text(out.text)) return fail(Errc::malformed, "a note's text is UTF-8 without control characters");
  std::string_view lines = note.substr(gap + 2);
  if (lines.empty() || lines.back() != '\n') return fail(Errc::malformed, "a note ends with a signature line");

  std::vector<const VerifierKey*> verified;
  for (std::size_t count = 0; !lines.empty(); ++count) {
    if (count == kMaxNoteSignatures) return fail(Errc::too_large, "a note has at most 100 signatures");
    const std::size_t end = lines.find('\n');
    const Signature signature = TRY(parse_signature(lines.substr(0, end)));
    lines.remove_prefix(end + 1);
    const auto key = std::ranges::find_if(
        known, [&](const VerifierKey& k) { return k.id() == signature.id && k.name() == signature.name; });
    if (key == known.end()) continue;
    if (!key->verify(out.text, signature.bytes))
      return fail(Errc::forbidden, fmt::format("the signature of {} does not verify", signature.name));
    if (std::ranges::find(verified, &*key) != verified.end()) continue;
    verified.push_back(&*key);
    out.signed_by.push_back(key->name());
  }
  if (verified.empty()) return fail(Errc::unauthenticated, "no known key signed this note");
  return out;
}

}  // namespace hinomi::proof
