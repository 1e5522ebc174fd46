#include <hinomi/proof/checkpoint.hpp>

#include <fmt/core.h>

#include <array>
#include <charconv>

namespace hinomi::proof {

using base::Errc;
using base::fail;
using base::Result;

namespace {

Result<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return fail(Errc::malformed, "a checkpoint has three lines");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

// Decimal without sign or leading zeros.
Result<std::uint64_t> parse_size(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!whole || (digits.size() > 1 && digits.front() == '0'))
    return fail(Errc::malformed, "a checkpoint's size is a decimal number below 2^64");
  return value;
}

}  // namespace

std::string to_text(const Checkpoint& checkpoint) {
  return fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.size, base::to_base64(checkpoint.root.bytes()));
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  Checkpoint out;
  out.origin = TRY(take_line(text));
  if (out.origin.empty()) return fail(Errc::malformed, "a checkpoint's origin is not empty");
  const std::string_view size = TRY(take_line(text));
  out.size = TRY(parse_size(size));
  const std::string_view line = TRY(take_line(text));
  const base::Bytes root = TRY(base::from_base64(line));
  out.root = TRY(Hash::from_bytes(root));
  if (!text.empty()) return fail(Errc::malformed, "a checkpoint has three lines; extension lines are not supported");
  return out;
}

std::string sign_checkpoint(const Checkpoint& checkpoint, const SigningKey& key) {
  return sign_note(to_text(checkpoint), std::array{&key});
}

Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& key, std::string_view origin) {
  const OpenNote open = TRY(open_note(note, {&key, 1}));
  Checkpoint out = TRY(parse_checkpoint(open.text));
  if (out.origin != origin)
    return fail(Errc::forbidden, fmt::format("the checkpoint is of {}, not of {}", out.origin, origin));
  return out;
}

}  // namespace hinomi::proof
