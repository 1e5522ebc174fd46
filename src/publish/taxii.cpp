#include <hinomi/publish/taxii.hpp>

#include <hinomi/base/escape.hpp>
#include <hinomi/publish/inside/query.hpp>

#include <fmt/format.h>
#include <boost/json.hpp>

#include <algorithm>

namespace hinomi::publish {
namespace {

namespace json = boost::json;
using inside::Query;

constexpr std::string_view kMediaType = "application/taxii+json;version=2.1";
constexpr std::string_view kStixType = "application/stix+json;version=2.1";
constexpr std::string_view kRoot = "/taxii2/hinomi/";
constexpr std::string_view kAlias = "published";
constexpr std::size_t kScan = 1024;  // objects asked of the source at once
constexpr std::string_view kChallenge = R"(Basic realm="Hinomi TAXII", charset="UTF-8", Bearer realm="Hinomi TAXII")";

net::Response answer_of(int status, base::Bytes body) {
  return {.status = status,
          .headers = {{"Content-Type", std::string(kMediaType)},
                      {"Cache-Control", "no-store"},
                      {"X-Content-Type-Options", "nosniff"}},
          .body = std::move(body)};
}

// The error message object of TAXII 2.1 section 3.6.1.
net::Response error_of(int status, std::string_view title, std::string_view description) {
  json::object object{{"title", title},
                      {"description", base::escape_for_display(description)},
                      {"http_status", std::to_string(status)}};
  return answer_of(status, json::serialize(object));
}
net::Response not_found() { return error_of(404, "Not found", "There is nothing here, or nothing that you may see."); }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

struct MediaRange {
  std::string type;      // lower case
  std::string version;   // "" if none is given
  bool refused = false;  // q=0
};

MediaRange media_range(std::string_view text) {
  MediaRange out;
  std::size_t end = std::min(text.find(';'), text.size());
  out.type = lower(trimmed(text.substr(0, end)));
  while (end < text.size()) {
    text.remove_prefix(end + 1);
    end = std::min(text.find(';'), text.size());
    const std::string part = lower(trimmed(text.substr(0, end)));
    if (part.starts_with("version=")) {
      out.version = part.substr(8);
      std::erase(out.version, '"');
    }
    if (part.starts_with("q=0") && part.find_first_of("123456789", 3) == std::string::npos) out.refused = true;
  }
  return out;
}

// Whether TAXII 2.1 is among what the client takes; without a version the newest is meant (section 1.6.8.1).
bool accepts(const net::Request& request) {
  bool any = false;
  for (const auto& header : request.headers) {
    if (lower(header.name) != "accept") continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      const MediaRange range = media_range(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (range.type.empty()) continue;
      any = true;
      if (range.refused) continue;
      if (range.type == "*/*" || range.type == "application/*") return true;
      if (range.type == "application/taxii+json" && (range.version.empty() || range.version == "2.1")) return true;
    }
  }
  return !any;
}

bool is_taxii_content(std::string_view content_type) {
  const MediaRange range = media_range(content_type);
  return range.type == "application/taxii+json" && (range.version.empty() || range.version == "2.1");
}

std::string date_text(std::int64_t microseconds) { return base::Time{microseconds * 1000}.rfc3339(6); }
std::string version_text(const PublishedObject& object) { return object.version.rfc3339(3); }

struct Page {
  std::vector<ObjectPointer> objects;
  bool more = false;
};

// The objects of one listing: those of the collection, or the versions of one object.
class Listing {
 public:
  Listing(const PublishedSource& source, const access::Principal& who, const Query& query,
          std::optional<std::string> only)
      : source_(source), who_(who), query_(query), only_(std::move(only)) {}

  // At most `limit` that pass, after both the query's added_after and `position`. One version a date: it is unique.
  [[nodiscard]] Page page(std::optional<std::int64_t> position, std::size_t limit) const {
    std::int64_t from = INT64_MIN;
    if (query_.added_after) {
      // Exclusive: an object counts if date_added * 1000 > added_after, in whole microseconds.
      const std::int64_t nanoseconds = query_.added_after->nanoseconds;
      from = nanoseconds / 1000 - (nanoseconds % 1000 < 0 ? 1 : 0);
    }
    if (position) from = std::max(from, *position);
    Page out;
    const auto take = [&](const std::vector<ObjectPointer>& objects) {
      for (const auto& object : objects) {
        if (!passes(*object)) continue;
        if (out.objects.size() == limit) {
          out.more = true;
          return false;
        }
        out.objects.push_back(object);
      }
      return true;
    };
    if (only_ || !query_.ids.empty()) {
      take(named(from));
      return out;
    }
    while (true) {
      const auto objects = source_.after(who_, from, kScan);
      if (!take(objects) || objects.size() < kScan) return out;
      from = objects.back()->date_added;
    }
  }

 private:
  // Few objects are asked for by name: fetched one by one instead of read past.
  [[nodiscard]] std::vector<ObjectPointer> named(std::int64_t from) const {
    std::vector<ObjectPointer> out;
    for (const auto& id : only_ ? std::vector{*only_} : query_.ids)
      for (auto& object : source_.versions(who_, id))
        if (object->date_added > from) out.push_back(std::move(object));
    std::ranges::sort(out, {}, [](const ObjectPointer& object) { return object->date_added; });
    return out;
  }

  [[nodiscard]] bool passes(const PublishedObject& object) const {
    const auto among = [](const std::vector<std::string>& items, const std::string& item) {
      return items.empty() || std::ranges::binary_search(items, item);
    };
    if (!among(query_.ids, object.id) || !among(query_.types, object.type)) return false;
    if (!among(query_.spec_versions, "2.1")) return false;  // all that we have is 2.1, and so its newest
    if (query_.all) return true;
    if (std::ranges::binary_search(query_.versions, object.version)) return true;
    const bool wants_last = query_.last || (!query_.first && query_.versions.empty());
    if (!wants_last && !query_.first) return false;
    const auto versions = source_.versions(who_, object.id);
    if (versions.empty()) return false;
    return (wants_last && versions.back()->date_added == object.date_added) ||
           (query_.first && versions.front()->date_added == object.date_added);
  }

  const PublishedSource& source_;
  const access::Principal& who_;
  const Query& query_;
  std::optional<std::string> only_;
};

enum class Form : std::uint8_t { objects, manifest, versions };

std::string item_text(const PublishedObject& object, Form form) {
  switch (form) {
    case Form::objects: return object.json;
    case Form::versions: return json::serialize(json::value(version_text(object)));
    case Form::manifest:
      return json::serialize(json::object{{"id", object.id},
                                          {"date_added", date_text(object.date_added)},
                                          {"version", version_text(object)},
                                          {"media_type", kStixType}});
  }
  return {};
}

net::Response page_answer(const Page& page, Form form, const std::string& next, bool spelled_out) {
  const std::string_view name = form == Form::versions ? "versions" : "objects";
  if (page.objects.empty())
    return answer_of(200, spelled_out ? fmt::format(R"({{"more":false,"{}":[]}})", name) : "{}");
  std::string body = fmt::format(R"({{"more":{},)", page.more);
  if (!next.empty()) body += fmt::format(R"("next":"{}",)", next);
  body += fmt::format("\"{}\":[", name);
  for (std::size_t i = 0; i < page.objects.size(); ++i) {
    if (i > 0) body += ',';
    body += item_text(*page.objects[i], form);
  }
  body += "]}";
  net::Response out = answer_of(200, std::move(body));
  out.headers.push_back({"X-TAXII-Date-Added-First", date_text(page.objects.front()->date_added)});
  out.headers.push_back({"X-TAXII-Date-Added-Last", date_text(page.objects.back()->date_added)});
  return out;
}

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> out;
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    out.push_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return out;
}

}  // namespace

base::Result<Credentials> credentials_of(std::string_view authorization) {
  const auto unknown = [] {
    return base::fail(base::Errc::unauthenticated, "credentials are needed: Basic or Bearer");
  };
  const std::size_t space = authorization.find(' ');
  if (space == std::string_view::npos) return unknown();
  const std::string scheme = lower(authorization.substr(0, space));
  const std::string_view value = trimmed(authorization.substr(space + 1));
  if (value.empty() || value.size() > 1024) return unknown();
  if (scheme == "bearer") return Credentials{.account = "", .key = std::string(value)};
  if (scheme != "basic") return unknown();
  const auto pair = base::from_base64(value);
  if (!pair) return unknown();
  const std::size_t colon = pair->find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == pair->size()) return unknown();
  return Credentials{.account = pair->substr(0, colon), .key = pair->substr(colon + 1)};
}

Taxii::Taxii(const PublishedSource& source, const Doorkeeper& doorkeeper, TaxiiOptions options)
    : source_(source),
      doorkeeper_(doorkeeper),
      options_(std::move(options)),
      collection_id_(base::Uuid::named(base::kHinomiNamespace, "collection/published/" + options_.producer).text()) {
  HINOMI_CHECK(options_.next_key.size() >= 16);
  HINOMI_CHECK(options_.default_limit >= 1 && options_.default_limit <= options_.max_limit);
}

bool Taxii::is_taxii(std::string_view path) { return path == "/taxii2" || path.starts_with("/taxii2/"); }

net::Response Taxii::answer(const net::Request& request) const {
  const auto refuse = [] {
    net::Response out = error_of(401, "Credentials needed",
                                 "Use HTTP Basic with an account's name and an API key of it, or a Bearer API key.");
    out.headers.push_back({"WWW-Authenticate", std::string(kChallenge)});
    return out;
  };
  const auto credentials = credentials_of(request.header("Authorization"));
  if (!credentials) return refuse();
  const auto who = doorkeeper_.principal(credentials->account, credentials->key);
  if (!who) {
    if (who.error().code == base::Errc::unavailable) return error_of(503, "Unavailable", "Try again later.");
    return refuse();
  }
  return handle(request, *who);
}

net::Response Taxii::handle(const net::Request& request, const access::Principal& who) const {
  const std::vector<std::string_view> path = segments_of(request.path);
  if (path.empty() || path[0] != "taxii2") return not_found();

  // What the path names, before what may be done with it: an unknown place is 404 for every method.
  enum class Place : std::uint8_t {
    discovery,
    root,
    collections,
    collection,
    manifest,
    objects,
    object,
    versions,
    status
  };
  Place place = Place::discovery;
  std::string object_id;
  if (path.size() >= 2) {
    if (path[1] != "hinomi") return not_found();
    place = Place::root;
    if (path.size() >= 3 && path[2] == "status" && path.size() == 4) {
      place = Place::status;
    } else if (path.size() >= 3) {
      if (path[2] != "collections") return not_found();
      place = Place::collections;
      if (path.size() >= 4) {
        if (path[3] != collection_id_ && path[3] != kAlias) return not_found();
        place = Place::collection;
      }
      if (path.size() == 5 && path[4] == "manifest") place = Place::manifest;
      else if (path.size() >= 5 && path[4] == "objects") place = Place::objects;
      else if (path.size() >= 5) return not_found();
      if (place == Place::objects && path.size() >= 6) {
        place = Place::object;
        object_id = path[5];
        if (path.size() == 7 && path[6] == "versions") place = Place::versions;
        else if (path.size() >= 7) return not_found();
      }
    }
  }
  if (place == Place::status) return not_found();  // nothing can be added, so there is nothing to report on
  if (request.body.size() > options_.max_content_length)
    return error_of(413, "Too large", fmt::format("A request may hold {} bytes.", options_.max_content_length));
  if (!accepts(request)) return error_of(406, "Not acceptable", fmt::format("This server answers {}.", kMediaType));

  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (!reads) {
    if (place == Place::objects && request.method == "POST") {
      if (!is_taxii_content(request.header("Content-Type")))
        return error_of(415, "Unsupported media type", fmt::format("Objects are sent as {}.", kMediaType));
      return error_of(403, "Forbidden", "This collection cannot be written to.");
    }
    if (place == Place::object && request.method == "DELETE")
      return error_of(403, "Forbidden", "This collection cannot be written to.");
    net::Response out = error_of(405, "Method not allowed", "This resource can be read.");
    out.headers.push_back({"Allow", "GET, HEAD"});
    return out;
  }

  const auto collection = [&] {
    return json::object{{"id", collection_id_},
                        {"title", "Published indicators"},
                        {"description", "Indicators that were published, with the objects that they refer to."},
                        {"alias", kAlias},
                        {"can_read", true},
                        {"can_write", false},
                        {"media_types", json::array{kStixType}}};
  };
  const auto list = [&](Form form, std::optional<std::string> only) -> net::Response {
    const auto bad = [](const base::Error& error) { return error_of(400, "Bad query", error.what); };
    auto asked = inside::parse_query(request.query);
    if (!asked) return bad(asked.error());
    // Both spellings of the collection are one listing. All versions of an object are what `versions` is for.
    const std::string listing = fmt::format("{}/{}", static_cast<int>(place), only.value_or(""));
    auto resumed = inside::resume(*asked, listing, options_.next_key);
    if (!resumed) return bad(resumed.error());
    if (only && source_.versions(who, *only).empty()) return not_found();
    Query run = resumed->query;
    if (form == Form::versions) run.all = true;
    const std::size_t limit = std::min(run.limit.value_or(options_.default_limit), options_.max_limit);
    const Page page = Listing(source_, who, run, only).page(resumed->position, limit);
    std::string next;
    if (page.more)
      next =
          inside::to_token({.listing = listing, .query = resumed->query, .position = page.objects.back()->date_added},
                           options_.next_key);
    return page_answer(page, form, next, options_.spelled_out_for.contains(who.account));
  };

  net::Response out;
  switch (place) {
    case Place::discovery: {
      json::object object{{"title", options_.title},
                          {"description", options_.description},
                          {"default", kRoot},
                          {"api_roots", json::array{kRoot}}};
      if (!options_.contact.empty()) object["contact"] = options_.contact;
      out = answer_of(200, json::serialize(object));
      break;
    }
    case Place::root:
      out = answer_of(200, json::serialize(json::object{{"title", options_.title},
                                                        {"description", options_.description},
                                                        {"versions", json::array{kMediaType}},
                                                        {"max_content_length", options_.max_content_length}}));
      break;
    case Place::collections:
      out = answer_of(200, json::serialize(json::object{{"collections", json::array{collection()}}}));
      break;
    case Place::collection: out = answer_of(200, json::serialize(collection())); break;
    case Place::manifest: out = list(Form::manifest, std::nullopt); break;
    case Place::objects: out = list(Form::objects, std::nullopt); break;
    case Place::object: out = list(Form::objects, object_id); break;
    case Place::versions: out = list(Form::versions, object_id); break;
    case Place::status: out = not_found(); break;
  }
  if (request.method == "HEAD") out.body.clear();
  return out;
}

}  // namespace hinomi::publish
