#include <hinomi/detect/inside/fold_table.hpp>
#include <hinomi/detect/pattern.hpp>

#include <algorithm>

namespace hinomi::detect {
namespace {

std::uint32_t fold_code_point(std::uint32_t code) {
  const auto after = std::ranges::upper_bound(inside::kFoldRanges, code, {}, &inside::FoldRange::first);
  if (after == inside::kFoldRanges.begin()) return code;
  const inside::FoldRange& range = *(after - 1);
  if (code > range.last || (code - range.first) % range.stride != 0) return code;
  return static_cast<std::uint32_t>(static_cast<std::int32_t>(code) + range.delta);
}

char fold_ascii(char c) { return static_cast<char>(c + ((c >= 'A' && c <= 'Z') ? 32 : 0)); }

// Length of the UTF-8 sequence that begins with this byte; 1 for a byte that begins none.
std::size_t sequence_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  if (byte >= 0xf0) return 4;
  if (byte >= 0xe0) return 3;
  return byte >= 0xc0 ? 2 : 1;
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

}  // namespace

bool is_ascii(std::string_view text) {
  unsigned char all = 0;
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

bool fold_into(std::string_view text, std::string& out) {
  out.resize(text.size());
  if (is_ascii(text)) {
    std::ranges::transform(text, out.begin(), fold_ascii);
    return true;
  }
  out.clear();
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = sequence_length(text[i]);
    if (length == 1 || i + length > text.size()) {
      out += fold_ascii(text[i++]);
      continue;
    }
    std::uint32_t code = static_cast<unsigned char>(text[i]) & (0xffU >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) code = (code << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3fU);
    const std::uint32_t folded = fold_code_point(code);
    if (folded == code) out.append(text, i, length);
    else append_utf8(out, folded);
    i += length;
  }
  return false;
}

std::string fold(std::string_view text) {
  std::string out;
  fold_into(text, out);
  return out;
}

void Pattern::append(const Piece& piece) {
  if (piece.part == Part::literal && piece.text.empty()) return;
  if (!pieces.empty() && pieces.back().part == piece.part) {
    if (piece.part == Part::any_run) return;
    if (piece.part == Part::literal) {
      pieces.back().text += piece.text;
      return;
    }
  }
  pieces.push_back(piece);
}

Pattern Pattern::parse(std::string_view text) {
  Pattern out;
  std::string run;
  const auto wildcard = [&](Part part) {
    out.append_text(run);
    run.clear();
    out.append({.part = part, .text = {}});
  };
  bool escaped = false;
  for (const char c : text) {
    if (escaped) {
      if (c != '*' && c != '?' && c != '\\') run += '\\';
      run += c;
      escaped = false;
    } else if (c == '\\') {
      escaped = true;
    } else if (c == '*') {
      wildcard(Part::any_run);
    } else if (c == '?') {
      wildcard(Part::any_one);
    } else {
      run += c;
    }
  }
  if (escaped) run += '\\';
  out.append_text(run);
  return out;
}

Pattern Pattern::literal(std::string_view text) {
  Pattern out;
  out.append_text(text);
  return out;
}

bool Pattern::has_wildcards() const {
  return std::ranges::any_of(pieces, [](const Piece& piece) { return piece.part != Part::literal; });
}

std::string Pattern::plain() const { return pieces.empty() ? std::string() : pieces.front().text; }

Pattern Pattern::with_leading_run() const {
  Pattern out;
  out.append({.part = Part::any_run, .text = {}});
  for (const Piece& piece : pieces) out.append(piece);
  return out;
}

Pattern Pattern::with_trailing_run() const {
  Pattern out = *this;
  out.append({.part = Part::any_run, .text = {}});
  return out;
}

Pattern Pattern::folded() const {
  Pattern out = *this;
  for (Piece& piece : out.pieces) piece.text = fold(piece.text);
  return out;
}

std::string Pattern::text() const {
  std::string out;
  for (const Piece& piece : pieces) {
    if (piece.part == Part::any_run) out += '*';
    if (piece.part == Part::any_one) out += '?';
    for (const char c : piece.text) {
      if (c == '*' || c == '?' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

bool Pattern::matches(std::string_view value) const {
  // Greedy with one point of return: the last run. What a run takes only ever grows, so no deeper search is needed.
  std::size_t piece = 0;
  std::size_t at = 0;
  std::size_t run_piece = pieces.size() + 1;  // none yet
  std::size_t run_at = 0;
  while (true) {
    if (piece == pieces.size()) {
      if (at == value.size()) return true;
    } else if (const Piece& current = pieces[piece]; current.part == Part::any_run) {
      run_piece = piece++;
      run_at = at;
      continue;
    } else if (current.part == Part::any_one) {
      if (at < value.size()) {
        at = std::min(value.size(), at + sequence_length(value[at]));
        ++piece;
        continue;
      }
    } else if (value.substr(at).starts_with(current.text)) {
      at += current.text.size();
      ++piece;
      continue;
    }
    if (run_piece > pieces.size() || run_at >= value.size()) return false;
    run_at = std::min(value.size(), run_at + sequence_length(value[run_at]));
    at = run_at;
    piece = run_piece + 1;
  }
}

}  // namespace hinomi::detect
