#include <hinomi/publish/inside/query.hpp>

#include <hinomi/base/digest.hpp>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <charconv>

namespace hinomi::publish::inside {
namespace {

constexpr std::size_t kMaxQuery = 8192;
constexpr std::size_t kMaxValues = 100;
constexpr std::size_t kMacLength = 16;
constexpr char kTokenVersion = 1;

std::unexpected<base::Error> refuse(std::string what) {
  return base::fail(base::Errc::invalid_argument, std::move(what));
}

base::Result<std::vector<std::string>> list_of(std::string_view name, std::string_view text) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    if (item.empty()) return refuse(fmt::format("{} has an empty value", name));
    if (out.size() == kMaxValues) return refuse(fmt::format("{} has more than {} values", name, kMaxValues));
    out.emplace_back(item);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  std::ranges::sort(out);
  const auto same = std::ranges::unique(out);
  out.erase(same.begin(), same.end());
  return out;
}

base::Result<base::Time> time_of(std::string_view name, std::string_view text) {
  auto time = base::Time::parse_rfc3339(text);
  if (!time) return refuse(fmt::format("{} is not an RFC 3339 time", name));
  return *time;
}

base::Time to_milliseconds(base::Time time) {
  std::int64_t rest = time.nanoseconds % 1'000'000;
  if (rest < 0) rest += 1'000'000;
  return {time.nanoseconds - rest};
}

base::Status take(Query& query, std::string_view name, std::string_view value) {
  if (name == "added_after") {
    query.added_after = TRY(time_of(name, value));
  } else if (name == "limit") {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error == std::errc::result_out_of_range) number = UINT32_MAX;  // more than any page holds
    else if (error != std::errc() || end != value.data() + value.size() || number == 0)
      return refuse("limit must be a whole number above 0");
    query.limit = std::min<std::uint64_t>(number, UINT32_MAX);
  } else if (name == "next") {
    if (value.empty()) return refuse("next is empty");
    query.next = std::string(value);
  } else if (name == "match[id]") {
    query.ids = TRY(list_of(name, value));
  } else if (name == "match[type]") {
    query.types = TRY(list_of(name, value));
  } else if (name == "match[spec_version]") {
    query.spec_versions = TRY(list_of(name, value));
  } else if (name == "match[version]") {
    for (const auto& item : TRY(list_of(name, value))) {
      if (item == "first") query.first = true;
      else if (item == "last") query.last = true;
      else if (item == "all") query.all = true;
      else query.versions.push_back(to_milliseconds(TRY(time_of(name, item))));
    }
    std::ranges::sort(query.versions);
    const auto same = std::ranges::unique(query.versions);
    query.versions.erase(same.begin(), same.end());
  } else if (name.starts_with("match[")) {
    return refuse(fmt::format("{} is not supported", name.substr(0, 60)));
  }
  return {};
}

std::string mac_of(std::string_view content, base::ByteView key) {
  base::Digest out;
  unsigned length = 0;
  const auto octets = base::as_octets(content);
  const auto* done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), octets.data(), octets.size(),
                          out.octets.data(), &length);
  HINOMI_CHECK(done != nullptr && length == out.octets.size());
  return std::string(out.bytes().substr(0, kMacLength));
}

std::string joined(const std::vector<std::string>& items) { return fmt::format("{}", fmt::join(items, ",")); }

// The filters as a query string of one spelling; parse_query reads it back. Values hold no '&' or '%' unless encoded.
std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~,:").find(c) != std::string_view::npos;
    if (plain) out += c;
    else out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}
std::string filters_text(const Query& query) {
  std::string out;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, encoded(value));
  };
  if (query.added_after) add("added_after", query.added_after->rfc3339());
  add("match[id]", joined(query.ids));
  add("match[type]", joined(query.types));
  add("match[spec_version]", joined(query.spec_versions));
  std::vector<std::string> versions;
  if (query.first) versions.emplace_back("first");
  if (query.last) versions.emplace_back("last");
  if (query.all) versions.emplace_back("all");
  for (const auto& version : query.versions) versions.push_back(version.rfc3339());
  add("match[version]", joined(versions));
  if (query.limit) add("limit", std::to_string(*query.limit));
  return out;
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto byte = base::from_hex(text.substr(i + 1, 2));
    if (!byte) return std::nullopt;
    out += *byte;
    i += 2;
  }
  return out;
}

base::Result<Query> parse_query(std::string_view raw) {
  if (raw.size() > kMaxQuery) return refuse(fmt::format("the query is longer than {} bytes", kMaxQuery));
  Query query;
  std::vector<std::string> seen;
  while (!raw.empty()) {
    const std::size_t end = std::min(raw.find('&'), raw.size());
    const std::string_view pair = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const auto name = percent_decoded(pair.substr(0, equals));
    const auto value = percent_decoded(equals == pair.size() ? std::string_view() : pair.substr(equals + 1));
    if (!name || !value) return refuse("the query is not percent-encoded properly");
    if (std::ranges::find(seen, *name) != seen.end())
      return refuse(fmt::format("{} is given twice", name->substr(0, 60)));
    if (seen.size() == kMaxValues) return refuse("the query has too many parameters");
    seen.push_back(*name);
    TRY_VOID(take(query, *name, *value));
  }
  return query;
}

// Token: version, position (8 bytes, little endian), length of listing (4), listing, filters; MAC; in base64url.
std::string to_token(const Cursor& cursor, base::ByteView key) {
  base::Bytes content(1, kTokenVersion);
  base::put_u64le(content, static_cast<std::uint64_t>(cursor.position));
  base::put_u32le(content, static_cast<std::uint32_t>(cursor.listing.size()));
  content += cursor.listing;
  content += filters_text(cursor.query);
  return base::to_base64url(content + mac_of(content, key));
}

base::Result<Cursor> from_token(std::string_view token, base::ByteView key) {
  const auto bad = [] { return refuse("next is not a value that this server gave"); };
  const auto bytes = base::from_base64url(token);
  constexpr std::size_t kHead = 1 + 8 + 4;
  if (!bytes || bytes->size() < kHead + kMacLength) return bad();
  const std::string_view content = std::string_view(*bytes).substr(0, bytes->size() - kMacLength);
  const std::string_view mac = std::string_view(*bytes).substr(content.size());
  if (!base::equal_constant_time(mac, mac_of(content, key)) || content[0] != kTokenVersion) return bad();
  const std::size_t length = base::get_u32le(content.substr(9));
  if (length > content.size() - kHead) return bad();
  Cursor out;
  out.position = static_cast<std::int64_t>(base::get_u64le(content.substr(1)));
  out.listing = content.substr(kHead, length);
  auto query = parse_query(content.substr(kHead + length));
  if (!query) return bad();
  out.query = std::move(*query);
  return out;
}

base::Result<Resumed> resume(const Query& asked, std::string_view listing, base::ByteView key) {
  if (!asked.next) return Resumed{.query = asked, .position = std::nullopt};
  Cursor cursor = TRY(from_token(*asked.next, key));
  if (cursor.listing != listing) return refuse("next belongs to another listing");
  const auto changed = [](const auto& given, const auto& carried, const auto& absent) {
    return given != absent && given != carried;
  };
  const Query none;
  const bool version_given = asked.first || asked.last || asked.all || !asked.versions.empty();
  const bool version_same = asked.first == cursor.query.first && asked.last == cursor.query.last &&
                            asked.all == cursor.query.all && asked.versions == cursor.query.versions;
  if (changed(asked.added_after, cursor.query.added_after, none.added_after) ||
      changed(asked.ids, cursor.query.ids, none.ids) || changed(asked.types, cursor.query.types, none.types) ||
      changed(asked.spec_versions, cursor.query.spec_versions, none.spec_versions) || (version_given && !version_same))
    return refuse("a filter differs from those that next was given for");
  if (asked.limit) cursor.query.limit = asked.limit;
  return Resumed{.query = std::move(cursor.query), .position = cursor.position};
}

}  // namespace hinomi::publish::inside
