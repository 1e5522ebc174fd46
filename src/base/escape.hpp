// Showing bytes that an attacker chose (arguments, paths, names) to people without harm.
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace hinomi::base {

bool is_valid_utf8(std::string_view text);  // RFC 3629: no surrogates, no overlong forms

// UTF-8 that is safe on a terminal and in a page: control characters (C0, C1, DEL), bidirectional controls, zero-width
// and line separators become \u{XXXX}; bytes that are not UTF-8 become \xHH; a backslash becomes \\ .
std::string escape_for_display(std::string_view bytes);

// As above, but a lossy form for search and rules: only what is not UTF-8 is replaced (U+FFFD), nothing else changes.
std::string to_utf8_lossy(std::string_view bytes);

}  // namespace hinomi::base
