// The query of a TAXII request (TAXII 2.1 sections 3.4, 3.5), and the `next` token that carries a whole query on.
// Threads: values and pure functions.
// Fails:   Errc::invalid_argument with what is wrong. Limits: 8 KiB of query, 100 values a filter.
#pragma once

#include <hinomi/base/bytes.hpp>
#include <hinomi/base/time.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::publish::inside {

struct Query {
  std::optional<base::Time> added_after;               // exclusive
  std::vector<std::string> ids, types, spec_versions;  // any of these; empty: no filter
  bool first = false, last = false, all = false;       // match[version]; with none of these and no `versions`: last
  std::vector<base::Time> versions;                    // whole milliseconds
  std::optional<std::size_t> limit;                    // 1 or more
  std::optional<std::string> next;
  bool operator==(const Query&) const = default;
};

// `raw`: what stands after '?', percent-encoded. Parameters that TAXII does not define are ignored, but an unknown match[…]
// is refused: ignoring a filter would hand out more than was asked for.
base::Result<Query> parse_query(std::string_view raw);

// Where a listing stands: which one it is (endpoint path), the query it began with, and the last date_added handed out.
struct Cursor {
  std::string listing;
  Query query;
  std::int64_t position = 0;  // microseconds
  bool operator==(const Cursor&) const = default;
};
std::string to_token(const Cursor& cursor, base::ByteView key);
// invalid_argument for whatever we did not make with this key.
base::Result<Cursor> from_token(std::string_view token, base::ByteView key);

// The query to run for `asked` at `listing`: the token's whole query if it has one (its limit may be lowered or raised).
// invalid_argument if the token belongs to another listing or a filter that is given again differs.
struct Resumed {
  Query query;
  std::optional<std::int64_t> position;
};
base::Result<Resumed> resume(const Query& asked, std::string_view listing, base::ByteView key);

std::optional<std::string> percent_decoded(std::string_view text);  // '+' stays '+': offsets of times need it

}  // namespace hinomi::publish::inside
