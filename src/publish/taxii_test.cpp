#include <hinomi/access/secret.hpp>
#include <hinomi/publish/inside/query.hpp>
#include <hinomi/publish/key_door.hpp>
#include <hinomi/publish/taxii.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include <algorithm>
#include <set>

namespace hinomi::publish {
namespace {

namespace json = boost::json;
constexpr std::string_view kType = "application/taxii+json;version=2.1";
const std::string kRoot = "/taxii2/hinomi/";
const std::string kObjects = kRoot + "collections/published/objects/";
const std::int64_t kStart = base::Time::parse_rfc3339("2026-11-21T08:00:00Z").value().nanoseconds / 1000;

// A source in memory: what a Shelf is without its file.
class Kept final : public PublishedSource {
 public:
  void put(std::string id, std::string type, int version = 0) {
    const base::Time modified{(kStart - 1'000'000 + version * 1000) * 1000};
    auto object = std::make_shared<PublishedObject>();
    object->date_added = kStart + static_cast<std::int64_t>(objects_.size());
    object->json =
        fmt::format(R"({{"id":"{}","modified":"{}","name":"n","pattern":"[ipv4-addr:value = '198.51.100.7']",)"
                    R"("pattern_type":"stix","type":"{}"}})",
                    id, modified.rfc3339(3), type);
    object->id = std::move(id);
    object->type = std::move(type);
    object->version = modified;
    objects_.push_back(std::move(object));
  }
  std::vector<ObjectPointer> after(const access::Principal&, std::int64_t after, std::size_t count) const override {
    std::vector<ObjectPointer> out;
    for (const auto& object : objects_)
      if (object->date_added > after && out.size() < count) out.push_back(object);
    return out;
  }
  std::vector<ObjectPointer> versions(const access::Principal&, std::string_view id) const override {
    std::vector<ObjectPointer> out;
    for (const auto& object : objects_)
      if (object->id == id) out.push_back(object);
    return out;
  }

 private:
  std::vector<ObjectPointer> objects_;
};

class Door final : public Doorkeeper {
 public:
  base::Result<access::Principal> principal(std::string_view account, std::string_view key) const override {
    if (key != "secret:key" || (!account.empty() && account != "isp"))
      return base::fail(base::Errc::unauthenticated, "no");
    return access::Principal{.account = "isp"};
  }
};

TaxiiOptions options() {
  return {.producer = "hinomi.example",
          .default_limit = 10,
          .max_limit = 50,
          .max_content_length = 1000,
          .next_key = std::string(32, 'k')};
}

struct Answer {
  net::Response response;
  json::object body;
  [[nodiscard]] int status() const { return response.status; }
  [[nodiscard]] std::vector<std::string> ids() const {
    std::vector<std::string> out;
    if (const auto* objects = body.if_contains("objects"))
      for (const auto& object : objects->as_array()) out.emplace_back(object.at("id").as_string());
    return out;
  }
  [[nodiscard]] std::string next() const {
    return body.contains("next") ? std::string(body.at("next").as_string()) : "";
  }
};

class TaxiiTest : public testing::Test {
 protected:
  Answer ask(std::string path, std::string query = "", net::Headers headers = {{"Accept", std::string(kType)}},
             std::string method = "GET", std::string body = "") {
    net::Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.query = std::move(query);
    request.headers = std::move(headers);
    request.body = std::move(body);
    return check(taxii_.handle(request, access::Principal{.account = "isp"}));
  }
  static Answer check(net::Response response) {
    EXPECT_EQ(response.header("Content-Type"), kType)
        << "on every answer, errors too (taxii2-client compares the tokens)";
    Answer out{.response = response, .body = {}};
    if (!response.body.empty()) out.body = json::parse(response.body).as_object();
    if (response.status >= 400) {
      EXPECT_TRUE(out.body.contains("title"));
      EXPECT_EQ(out.body.at("http_status").as_string(), std::to_string(response.status)) << "a string, section 3.6.1";
    }
    return out;
  }
  // Reads every page as a client that looks at nothing but `next`.
  std::vector<std::string> all_pages(const std::string& query, const std::string& path = kObjects) {
    std::vector<std::string> out;
    Answer page = ask(path, query);
    for (int pages = 0; pages < 1000; ++pages) {
      for (auto& id : page.ids()) out.push_back(std::move(id));
      if (page.next().empty()) return out;
      page = ask(path, "next=" + page.next());
      EXPECT_EQ(page.status(), 200);
    }
    ADD_FAILURE() << "pages without end";
    return out;
  }

  Kept source_;
  Door door_;
  Taxii taxii_{source_, door_, options()};
};

std::string encoded(std::string text) {
  std::string out;
  for (const char c : text) out += c == '+' ? "%2B" : c == ':' ? "%3A" : std::string(1, c);
  return out;
}
std::string date(std::int64_t microseconds) { return base::Time{microseconds * 1000}.rfc3339(6); }

TEST_F(TaxiiTest, discovery_root_and_collections_have_what_the_specification_requires) {
  const Answer discovery = ask("/taxii2/");
  EXPECT_EQ(discovery.body.at("title").as_string(), "Hinomi");
  EXPECT_EQ(discovery.body.at("default"), discovery.body.at("api_roots").at(0)) << "default must be one of api_roots";
  const Answer root = ask(std::string(discovery.body.at("default").as_string()));
  EXPECT_EQ(root.body.at("versions").at(0).as_string(), kType);
  EXPECT_EQ(root.body.at("max_content_length").as_int64(), 1000);
  EXPECT_TRUE(root.body.contains("title"));
  const Answer list = ask(kRoot + "collections/");
  const auto& collection = list.body.at("collections").at(0).as_object();
  for (const char* name : {"id", "title", "can_read", "can_write"}) EXPECT_TRUE(collection.contains(name)) << name;
  EXPECT_TRUE(base::Uuid::parse(std::string(collection.at("id").as_string())).has_value());
  EXPECT_EQ(ask(kRoot + "collections/" + std::string(collection.at("id").as_string()) + "/").body, collection);
}

TEST_F(TaxiiTest, every_path_is_served_with_and_without_its_trailing_slash_and_by_alias) {
  source_.put("indicator--1", "indicator");
  for (const std::string path :
       {"/taxii2", "/taxii2/hinomi", "/taxii2/hinomi/collections", "/taxii2/hinomi/collections/published",
        "/taxii2/hinomi/collections/published/objects", "/taxii2/hinomi/collections/published/manifest",
        "/taxii2/hinomi/collections/published/objects/indicator--1",
        "/taxii2/hinomi/collections/published/objects/indicator--1/versions"}) {
    EXPECT_EQ(ask(path).status(), 200) << path;
    EXPECT_EQ(ask(path).response.body, ask(path + "/").response.body) << path;
    std::string by_id = path;
    if (const auto at = by_id.find("published"); at != std::string::npos) by_id.replace(at, 9, taxii_.collection_id());
    EXPECT_EQ(ask(path).response.body, ask(by_id).response.body) << by_id;
  }
}

TEST_F(TaxiiTest, what_is_not_there_is_404) {
  source_.put("indicator--1", "indicator");
  for (const std::string path :
       {"/taxii", "/taxii2/other/", "/taxii2/hinomi/x/", "/taxii2/hinomi/collections/x/", "/taxii2/hinomi/status/1/",
        "/taxii2/hinomi/collections/published/x/", "/taxii2/hinomi/collections/published/objects/indicator--2/",
        "/taxii2/hinomi/collections/published/objects/indicator--1/x/",
        "/taxii2/hinomi/collections/published/manifest/x/",
        "/taxii2/hinomi/collections/published/objects/indicator--1/versions/x/"})
    EXPECT_EQ(ask(path).status(), 404) << path;
}

TEST_F(TaxiiTest, an_empty_collection_is_an_empty_envelope_without_date_headers) {
  const Answer empty = ask(kObjects);
  EXPECT_EQ(empty.response.body, "{}");
  EXPECT_EQ(empty.response.header("X-TAXII-Date-Added-First"), "");
}

// Elastic ti_custom crashed on a missing `objects` until June 2026; the option is set for such a client's account.
TEST_F(TaxiiTest, an_account_may_have_empty_lists_spelled_out) {
  TaxiiOptions with = options();
  with.spelled_out_for = {"isp"};
  Taxii taxii(source_, door_, with);
  const auto response = taxii.handle({.path = kObjects}, access::Principal{.account = "isp"});
  EXPECT_EQ(response.body, R"({"more":false,"objects":[]})");
}

// Elastic ti_custom pages while `next` is there, ignores `more`, drops the filters on page 2, and stores
// X-TAXII-Date-Added-Last of every page as its cursor.
TEST_F(TaxiiTest, elastic_reads_everything_once_by_next_alone) {
  for (int i = 0; i < 25; ++i) source_.put(fmt::format("indicator--{}", i), i % 2 ? "identity" : "indicator");
  EXPECT_EQ(all_pages("limit=4&match[type]=indicator").size(), 13U) << "next carries the type";
  EXPECT_EQ(all_pages("limit=4&added_after=" + date(kStart + 19)).size(), 5U) << "and added_after";
  const Answer last = ask(kObjects, "limit=25");
  EXPECT_FALSE(last.body.contains("next")) << "no next on the last page, even when it is full";
  EXPECT_FALSE(last.body.at("more").as_bool());
  const Answer first = ask(kObjects, "limit=4");
  EXPECT_TRUE(first.body.at("more").as_bool());
  EXPECT_EQ(first.response.header("X-TAXII-Date-Added-First"), date(kStart));
  EXPECT_EQ(first.response.header("X-TAXII-Date-Added-Last"), date(kStart + 3));
  const Answer second = ask(kObjects, "next=" + first.next());
  EXPECT_EQ(second.ids().size(), 4U) << "next carries the limit";
  EXPECT_EQ(second.response.header("X-TAXII-Date-Added-First"), date(kStart + 4)) << "headers on every page";
}

// OpenCTI sent both added_after and next; lost objects that shared a date_added; went round for ever where added_after was
// inclusive; insists on name, pattern and pattern_type.
TEST_F(TaxiiTest, opencti_may_send_added_after_with_next_and_gets_each_object_once) {
  for (int i = 0; i < 9; ++i) source_.put(fmt::format("indicator--{}", i), "indicator");
  const std::string after = "added_after=" + date(kStart + 1);
  const Answer first = ask(kObjects, after + "&limit=3");
  EXPECT_EQ(first.ids(), (std::vector<std::string>{"indicator--2", "indicator--3", "indicator--4"})) << "exclusive";
  const Answer second = ask(kObjects, after + "&limit=3&next=" + first.next());
  EXPECT_EQ(second.ids(), (std::vector<std::string>{"indicator--5", "indicator--6", "indicator--7"}));
  const std::string last = std::string(ask(kObjects, "limit=50").response.header("X-TAXII-Date-Added-Last"));
  EXPECT_EQ(ask(kObjects, "added_after=" + last).response.body, "{}") << "polling with the last date ends";
  for (const char* name : {"name", "pattern", "pattern_type"})
    EXPECT_TRUE(first.body.at("objects").at(0).as_object().contains(name));
}

TEST_F(TaxiiTest, polling_by_the_last_date_header_loses_and_repeats_nothing) {
  std::vector<std::string> got;
  std::string cursor;
  for (int i = 0; i < 40; ++i) {
    source_.put(fmt::format("indicator--{:02}", i), "indicator");
    if (i % 7 != 0) continue;
    const Answer page = ask(kObjects, cursor.empty() ? "" : "added_after=" + encoded(cursor));
    for (auto& id : page.ids()) got.push_back(std::move(id));
    if (!page.ids().empty()) cursor = page.response.header("X-TAXII-Date-Added-Last");
  }
  EXPECT_EQ(got.size(), 36U);
  EXPECT_TRUE(std::ranges::is_sorted(got));
  EXPECT_EQ(std::set<std::string>(got.begin(), got.end()).size(), got.size());
}

// MineMeld took the newest `modified` as added_after: it must not step over what it has not seen.
TEST_F(TaxiiTest, minemeld_that_polls_by_modified_loses_nothing) {
  for (int i = 0; i < 5; ++i) source_.put(fmt::format("indicator--{}", i), "indicator");
  const Answer first = ask(kObjects, "limit=2");
  std::string newest;
  for (const auto& object : first.body.at("objects").as_array())
    newest = std::max(newest, std::string(object.at("modified").as_string()));
  const auto rest = ask(kObjects, "added_after=" + newest).ids();
  for (const char* id : {"indicator--2", "indicator--3", "indicator--4"})
    EXPECT_TRUE(std::ranges::find(rest, id) != rest.end()) << id;
}

// Cortex XSOAR parses dates with %f: six digits at most. taxii2-client cuts trailing zeros off when it asks.
TEST_F(TaxiiTest, dates_have_six_digits_and_any_spelling_is_understood) {
  for (int i = 0; i < 5; ++i) source_.put(fmt::format("indicator--{}", i), "indicator");
  EXPECT_EQ(ask(kObjects).response.header("X-TAXII-Date-Added-First"), "2026-11-21T08:00:00.000000Z");
  for (const std::string same : {"2026-11-21T08:00:00Z", "2026-11-21T08:00:00.0Z", "2026-11-21T17:00:00%2B09:00",
                                 "2026-11-21T17:00:00+09:00", "2026-11-21T08%3A00%3A00.000000000Z"})
    EXPECT_EQ(ask(kObjects, "added_after=" + same).ids().size(), 4U) << same;
  EXPECT_EQ(ask(kObjects, "added_after=2026-11-21T08:00:00.000001999Z").ids().size(), 3U) << "between two microseconds";
  EXPECT_EQ(ask(kObjects, "added_after=1969-12-31T23:59:59.9999999Z").ids().size(), 5U);
}

// Sentinel is told an API root and a collection id and asks for nothing else.
TEST_F(TaxiiTest, sentinel_needs_neither_discovery_nor_alias) {
  source_.put("indicator--1", "indicator");
  EXPECT_EQ(ask(kRoot + "collections/" + taxii_.collection_id() + "/objects/").ids().size(), 1U);
}

// Splunk's app posts a whole bundle to Add Objects; nothing can be written here, and it is told so.
TEST_F(TaxiiTest, writing_is_refused_with_the_code_that_says_why) {
  source_.put("indicator--1", "indicator");
  const net::Headers good{{"Content-Type", std::string(kType)}};
  EXPECT_EQ(ask(kObjects, "", good, "POST", R"({"type":"bundle"})").status(), 403);
  EXPECT_EQ(ask(kObjects, "", {{"Content-Type", "application/json"}}, "POST", "{}").status(), 415);
  EXPECT_EQ(ask(kObjects, "", {}, "POST", "{}").status(), 415);
  EXPECT_EQ(ask(kObjects, "", good, "POST", std::string(1001, 'x')).status(), 413);
  EXPECT_EQ(ask(kObjects + "indicator--1/", "", {}, "DELETE").status(), 403);
  const Answer refused = ask(kRoot, "", {}, "PUT");
  EXPECT_EQ(refused.status(), 405);
  EXPECT_EQ(refused.response.header("Allow"), "GET, HEAD");
  EXPECT_EQ(ask("/taxii2/hinomi/collections/x/objects/", "", good, "POST", "{}").status(), 404)
      << "hidden, not refused";
}

TEST_F(TaxiiTest, accept_is_negotiated_as_section_1_6_8_says) {
  const auto status = [&](const char* accept) { return ask("/taxii2/", "", {{"Accept", accept}}).status(); };
  for (const char* good : {"application/taxii+json;version=2.1", "application/taxii+json; version=2.1",
                           "application/taxii+json", "*/*", "application/*", "Application/TAXII+json;Version=\"2.1\"",
                           "text/html, application/taxii+json;version=2.1;q=0.5",
                           "application/taxii+json;version=2.0, application/taxii+json;version=2.1", ""})
    EXPECT_EQ(status(good), 200) << good;
  for (const char* bad :
       {"application/json", "application/taxii+json;version=2.0", "application/vnd.oasis.taxii+json; version=2.0",
        "text/html", "application/taxii+json;version=3", "*/*;q=0"})
    EXPECT_EQ(status(bad), 406) << bad;
  EXPECT_EQ(ask("/taxii2/", "", {}).status(), 200) << "no Accept means anything";
}

TEST_F(TaxiiTest, match_filters_choose_and_combine) {
  source_.put("indicator--a", "indicator", 0);
  source_.put("identity--b", "identity", 0);
  source_.put("indicator--a", "indicator", 1);
  source_.put("indicator--c", "indicator", 0);
  source_.put("indicator--a", "indicator", 2);
  const auto ids = [&](const std::string& query) { return ask(kObjects, query).ids(); };
  using Ids = std::vector<std::string>;
  EXPECT_EQ(ids(""), (Ids{"identity--b", "indicator--c", "indicator--a"})) << "the last version of each, in date order";
  EXPECT_EQ(ids("match[version]=last"), ids(""));
  EXPECT_EQ(ids("match[version]=first"), (Ids{"indicator--a", "identity--b", "indicator--c"}));
  EXPECT_EQ(ids("match[version]=all").size(), 5U);
  EXPECT_EQ(ids("match%5Bversion%5D=first,last").size(), 4U);
  EXPECT_EQ(ids("match[id]=indicator--a"), Ids{"indicator--a"});
  EXPECT_EQ(ids("match[id]=indicator--a,identity--b,indicator--zz&match[version]=all").size(), 4U);
  EXPECT_EQ(ids("match[type]=identity,malware"), Ids{"identity--b"});
  EXPECT_EQ(ids("match[type]=identity&match[id]=indicator--a"), Ids{});
  EXPECT_EQ(ids("match[spec_version]=2.1").size(), 3U);
  EXPECT_EQ(ids("match[spec_version]=2.0"), Ids{});
  const std::string second = base::Time{(kStart - 1'000'000 + 1000) * 1000}.rfc3339(3);
  EXPECT_EQ(ids("match[version]=" + second), Ids{"indicator--a"});
  EXPECT_EQ(ask(kObjects + "indicator--a/").body.at("objects").at(0).at("modified").as_string(),
            base::Time{(kStart - 1'000'000 + 2000) * 1000}.rfc3339(3));
  EXPECT_EQ(ask(kObjects + "indicator--a/", "match[version]=all").ids().size(), 3U);
  EXPECT_EQ(ask(kObjects + "indicator--a/", "match[version]=2001-01-01T00:00:00Z").response.body, "{}")
      << "it exists, but no version fits";
}

TEST_F(TaxiiTest, versions_and_manifest_follow_their_forms) {
  source_.put("indicator--a", "indicator", 0);
  source_.put("indicator--a", "indicator", 1);
  const Answer versions = ask(kObjects + "indicator--a/versions/");
  EXPECT_EQ(json::serialize(versions.body.at("versions")),
            R"(["2026-11-21T07:59:59.000Z","2026-11-21T07:59:59.001Z"])");
  EXPECT_EQ(versions.response.header("X-TAXII-Date-Added-Last"), date(kStart + 1));
  const Answer one = ask(kObjects + "indicator--a/versions/", "limit=1");
  EXPECT_EQ(ask(kObjects + "indicator--a/versions/", "next=" + one.next()).body.at("versions").as_array().size(), 1U);
  const Answer manifest = ask(kRoot + "collections/published/manifest/");
  EXPECT_EQ(
      json::serialize(manifest.body.at("objects")),
      R"([{"id":"indicator--a","date_added":"2026-11-21T08:00:00.000001Z","version":"2026-11-21T07:59:59.001Z","media_type":"application/stix+json;version=2.1"}])");
  EXPECT_EQ(manifest.response.header("X-TAXII-Date-Added-First"), date(kStart + 1));
}

TEST_F(TaxiiTest, bad_queries_are_400_and_say_why) {
  for (int i = 0; i < 5; ++i) source_.put(fmt::format("indicator--{}", i), "indicator");
  const std::string next = ask(kObjects, "limit=1&match[type]=indicator").next();
  std::string forged = next;
  forged[forged.size() / 2] = forged[forged.size() / 2] == 'A' ? 'B' : 'A';
  for (const std::string& query : {std::string("limit=0"),
                                   std::string("limit=-1"),
                                   std::string("limit=x"),
                                   std::string("limit=1.5"),
                                   std::string("limit="),
                                   std::string("added_after=yesterday"),
                                   std::string("added_after="),
                                   std::string("match[version]=newest"),
                                   std::string("match[id]="),
                                   std::string("match[id]=a,,b"),
                                   std::string("match[name]=x"),
                                   std::string("match[id]=%zz"),
                                   std::string("limit=1&limit=2"),
                                   std::string("next="),
                                   std::string("next=abc"),
                                   "next=" + forged,
                                   "next=" + next + "&match[type]=identity",
                                   "next=" + next + "&match[id]=indicator--1",
                                   "next=" + next + "&added_after=2026-01-01T00:00:00Z",
                                   "next=" + next + "&match[version]=all",
                                   "match[id]=" + std::string(9000, 'a')}) {
    const Answer answer = ask(kObjects, query);
    EXPECT_EQ(answer.status(), 400) << query.substr(0, 80);
    EXPECT_TRUE(answer.body.contains("description"));
  }
  EXPECT_EQ(ask(kRoot + "collections/published/manifest/", "next=" + next).status(), 400) << "another listing's";
  EXPECT_EQ(ask(kObjects, "next=" + next + "&match[type]=indicator&limit=2").ids().size(), 2U)
      << "the same filters may be repeated";
  EXPECT_EQ(ask(kObjects, "whatever=1&api_key=x").status(), 200) << "unknown parameters are not ours to judge";
}

TEST_F(TaxiiTest, a_page_is_never_larger_than_the_server_allows) {
  for (int i = 0; i < 120; ++i) source_.put(fmt::format("indicator--{}", i), "indicator");
  EXPECT_EQ(ask(kObjects).ids().size(), 10U);
  EXPECT_EQ(ask(kObjects, "limit=1000").ids().size(), 50U);
  EXPECT_EQ(ask(kObjects, "limit=99999999999999999999999").ids().size(), 50U);
  EXPECT_EQ(all_pages("limit=50").size(), 120U);
}

TEST_F(TaxiiTest, objects_that_arrive_while_a_client_pages_come_at_the_end) {
  for (int i = 0; i < 4; ++i) source_.put(fmt::format("indicator--{}", i), "indicator");
  const Answer first = ask(kObjects, "limit=3");
  source_.put("indicator--0", "indicator", 1);  // a new version of what was read
  source_.put("indicator--3", "indicator", 1);  // and of what was not
  const Answer second = ask(kObjects, "next=" + first.next());
  EXPECT_EQ(second.ids(), (std::vector<std::string>{"indicator--0", "indicator--3"}));
}

TEST_F(TaxiiTest, credentials_are_basic_or_bearer_and_everything_else_is_401_with_a_challenge) {
  const auto status = [&](const std::string& authorization) {
    net::Request request{.path = "/taxii2/"};
    if (!authorization.empty()) request.headers.push_back({"authorization", authorization});
    const Answer answer = check(taxii_.answer(request));
    if (answer.status() == 401)
      EXPECT_NE(answer.response.header("WWW-Authenticate").find("Basic realm="), std::string_view::npos);
    return answer.status();
  };
  EXPECT_EQ(status("Basic " + base::to_base64("isp:secret:key")), 200) << "a key may hold colons";
  EXPECT_EQ(status("bAsIc  " + base::to_base64("isp:secret:key")), 200);
  EXPECT_EQ(status("Bearer secret:key"), 200);
  for (const std::string& bad :
       {std::string(), std::string("Basic"), std::string("Basic !"), "Basic " + base::to_base64("isp:wrong"),
        "Basic " + base::to_base64("isp"), "Basic " + base::to_base64(":secret:key"),
        "Basic " + base::to_base64("other:secret:key"), std::string("Bearer wrong"), std::string("Digest x"),
        "Bearer " + std::string(2000, 'x')})
    EXPECT_EQ(status(bad), 401) << bad.substr(0, 60);
  EXPECT_EQ(taxii_.answer({.path = "/taxii2/hinomi/collections/x/"}).status, 401)
      << "nobody learns what exists without credentials";
}

TEST_F(TaxiiTest, an_accounts_own_key_opens_the_feed_until_it_is_revoked) {
  const base::Time now = base::Time::parse_rfc3339("2026-11-21T08:00:00Z").value();
  access::Access access;
  const access::ApiKey key{.hash = access::hash_of_secret("hinomi_key_x"), .account = "isp", .made = now};
  ASSERT_TRUE(access.apply(access::account_act("a", {.name = "isp", .role = access::Role::subscriber}), now));
  ASSERT_TRUE(access.apply(access::account_act("a", {.name = "other", .role = access::Role::analyst}), now));
  ASSERT_TRUE(access.apply(access::api_key_act("a", key), now));
  const KeyDoor door(access);
  const Taxii taxii(source_, door, options());
  const auto status = [&](const std::string& authorization) {
    return taxii.answer({.path = "/taxii2/", .headers = {{"Authorization", authorization}}}).status;
  };
  EXPECT_EQ(status("Basic " + base::to_base64("isp:hinomi_key_x")), 200);
  EXPECT_EQ(status("Bearer hinomi_key_x"), 200);
  EXPECT_EQ(status("Basic " + base::to_base64("other:hinomi_key_x")), 401) << "a key is its own account's alone";
  EXPECT_EQ(status("Basic " + base::to_base64("isp:hinomi_key_y")), 401);
  ASSERT_TRUE(access.apply(access::api_key_revoked_act("a", key.hash), now));
  EXPECT_EQ(status("Bearer hinomi_key_x"), 401);
}

TEST_F(TaxiiTest, head_is_get_without_the_body) {
  source_.put("indicator--1", "indicator");
  const Answer head = ask(kObjects, "", {}, "HEAD");
  EXPECT_EQ(head.status(), 200);
  EXPECT_EQ(head.response.body, "");
  EXPECT_EQ(head.response.header("X-TAXII-Date-Added-First"), date(kStart));
}

TEST(Next, carries_the_whole_query_and_cannot_be_made_without_the_key) {
  const std::string key(32, 'k');
  inside::Query query = inside::parse_query(
                            "added_after=2026-11-21T08:00:00.000000001Z&match[id]=b,a%26&match[type]=t&match[version]="
                            "all,2026-01-01T00:00:00Z&limit=7")
                            .value();
  const std::string token = inside::to_token({.listing = "5/x", .query = query, .position = -3}, key);
  const auto back = inside::from_token(token, key);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->query, query);
  EXPECT_EQ(back->position, -3);
  EXPECT_EQ(back->listing, "5/x");
  EXPECT_FALSE(inside::from_token(token, std::string(32, 'l')).has_value());
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(inside::from_token(changed, key).has_value()) << i;
    EXPECT_FALSE(inside::from_token(std::string_view(token).substr(0, i), key).has_value()) << i;
  }
}

}  // namespace
}  // namespace hinomi::publish
