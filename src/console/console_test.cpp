#include <hinomi/console/console_testing.hpp>
#include <hinomi/console/inside/web_files.hpp>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include <fstream>

namespace hinomi::console {
namespace {

namespace json = boost::json;
using namespace hinomi::console::testing;

net::Request request_of(std::string method, std::string path, std::string query = "", std::string body = "") {
  net::Request out;
  out.method = std::move(method);
  out.path = std::move(path);
  out.query = std::move(query);
  out.headers = {{"Host", "hinomi.test:8443"}};
  if (!body.empty()) out.headers.push_back({"Content-Type", "application/json"});
  out.body = std::move(body);
  out.peer.address = "192.0.2.9";
  return out;
}

struct Answer {
  net::Response response;
  json::value body;
  [[nodiscard]] int status() const { return response.status; }
  [[nodiscard]] std::string code() const {
    const auto* error = body.is_object() ? body.as_object().if_contains("error") : nullptr;
    return error ? std::string(error->at("code").as_string()) : "";
  }
};

class ConsoleTest : public ::testing::Test {
 protected:
  Answer send(const net::Request& request) {
    Answer out;
    out.response = centre_.console->handle(request);
    if (out.response.header("Content-Type") == "application/json") out.body = json::parse(out.response.body);
    if (request.path.starts_with("/api")) {
      EXPECT_EQ(out.response.header("Content-Type"), "application/json") << request.path;
      EXPECT_EQ(out.response.status >= 400, !out.code().empty()) << out.response.body;
    }
    return out;
  }
  // As an account, by its API key.
  Answer as(std::string_view account, std::string method, std::string path, std::string query = "",
            std::string body = "") {
    auto request = request_of(std::move(method), "/api/v1" + path, std::move(query), std::move(body));
    if (!account.empty()) request.headers.push_back({"Authorization", fmt::format("Bearer key-{}", account)});
    return send(request);
  }
  Answer get(std::string_view account, std::string path, std::string query = "") {
    return as(account, "GET", std::move(path), std::move(query));
  }

  // A session of that account; the cookie as a browser sends it back.
  std::string log_in(const std::string& account) {
    centre_.gate.tokens["t-" + account] = account;
    auto request = from_page("POST", "/login", fmt::format(R"({{"token":"t-{}"}})", account));
    const Answer answer = send(request);
    EXPECT_EQ(answer.status(), 200) << answer.response.body;
    const std::string_view cookie = answer.response.header("Set-Cookie");
    return std::string(cookie.substr(0, cookie.find(';')));
  }
  static net::Request from_page(std::string method, std::string path, std::string body = "", std::string cookie = "") {
    auto out = request_of(std::move(method), "/api/v1" + path, "", std::move(body));
    out.headers.push_back({"Origin", "https://hinomi.test:8443"});
    out.headers.push_back({"Sec-Fetch-Site", "same-origin"});
    if (!cookie.empty()) out.headers.push_back({"Cookie", std::move(cookie)});
    return out;
  }

  // The route's path with the names of what `owned` has.
  static std::string path_for(const Route& route, const Owned& owned) {
    std::string path(route.path);
    const auto put = [&](std::string_view name, const std::string& value) {
      if (const auto at = path.find(name); at != std::string::npos) path.replace(at, name.size(), value);
    };
    put("{organisation}", owned.finding.organisation.text());
    put("{index}", "2");
    put("{job}", "job-1");
    if (path.starts_with("/events/")) put("{id}", owned.finding.evidence[0].event.text());
    if (path.starts_with("/findings/")) put("{id}", owned.finding.id.text());
    if (path.starts_with("/indicators/")) put("{id}", owned.indicator.id.text());
    return path;
  }
  static std::string body_for(const Route& route) {
    if (route.path == "/tokens") return R"({"organisation":"city-hall","system":"staff-pcs"})";
    if (route.path == "/accounts") return R"({"name":"new","role":"analyst"})";
    if (route.path == "/login-links" || route.path == "/api-keys") return R"({"account":"city"})";
    if (route.path == "/revocations") return R"({"sensor":"00000000-0000-4000-8000-000000000001"})";
    return "";
  }
  static bool is_door(const Route& route) { return route.path == "/login" || route.path == "/logout"; }

  Centre centre_;
};

// --- organisations -------------------------------------------------------------------------------------------------------

// Every pair of organisation and endpoint: an organisation's own people get theirs and not a trace of another's.
TEST_F(ConsoleTest, every_endpoint_gives_an_organisation_its_own_and_nothing_of_another) {
  struct Side {
    const char* account;
    const Owned& own;
    const Owned& other;
  };
  const std::vector<Side> sides{{"city", centre_.city, centre_.clinic}, {"clinic", centre_.clinic, centre_.city}};
  int tried = 0;
  for (const auto& side : sides) {
    const std::string other = side.other.finding.organisation.text();
    for (const auto& route : Console::routes()) {
      if (is_door(route)) continue;
      const std::string method(route.method);
      const Answer own = as(side.account, method, path_for(route, side.own), "", body_for(route));
      if (route.may == May::centre) {
        EXPECT_EQ(own.status(), 403) << route.path;
        continue;
      }
      ++tried;
      EXPECT_EQ(own.status(), 200) << route.path << " " << own.response.body;
      const auto nothing_of_other = [&](const Answer& answer) {
        EXPECT_EQ(answer.response.body.find(other), std::string::npos) << route.path << " " << answer.response.body;
        for (const auto& id : {side.other.finding.id.text(), side.other.indicator.id.text(),
                               side.other.finding.host.text(), side.other.indicator.value})
          EXPECT_EQ(answer.response.body.find(id), std::string::npos) << route.path;
      };
      nothing_of_other(own);
      if (route.path.find('{') != std::string_view::npos) {
        const Answer foreign = as(side.account, method, path_for(route, side.other));
        EXPECT_EQ(foreign.status(), 404) << route.path << " " << foreign.response.body;
        EXPECT_EQ(foreign.response.body.find(side.other.finding.host_name), std::string::npos);
      }
      for (const auto parameter : route.query) {
        if (parameter == "organisation") {
          EXPECT_EQ(get(side.account, std::string(route.path), "organisation=" + other).status(), 403) << route.path;
          EXPECT_EQ(get(side.account, std::string(route.path), "organisation=no-such").status(), 403)
              << "and one that is not there the same";
          EXPECT_EQ(get(side.account, std::string(route.path), "organisation=" + side.own.finding.organisation.text())
                        .status(),
                    200);
        }
        if (parameter == "host")
          nothing_of_other(get(side.account, std::string(route.path), "host=" + side.other.finding.host.text()));
        if (parameter == "process_guid")
          nothing_of_other(
              get(side.account, std::string(route.path), "process_guid=" + side.other.finding.process_guid));
        if (parameter == "text") nothing_of_other(get(side.account, std::string(route.path), "text=tool"));
        if (parameter == "order") nothing_of_other(get(side.account, std::string(route.path), "order=asc"));
      }
    }
  }
  EXPECT_GE(tried, 20);
  EXPECT_EQ(centre_.operations.acts.size(), 2U) << "each published its own";
}

TEST_F(ConsoleTest, a_subscriber_reads_nothing_here_but_its_own_session) {
  for (const auto& route : Console::routes()) {
    if (is_door(route)) continue;
    const Answer answer = as("isp", std::string(route.method), path_for(route, centre_.city), "", body_for(route));
    EXPECT_EQ(answer.status(), route.path == "/session" ? 200 : 403) << route.path;
  }
  EXPECT_TRUE(centre_.operations.acts.empty());
}

TEST_F(ConsoleTest, nobody_gets_nothing_but_the_login) {
  for (const auto& route : Console::routes()) {
    if (route.path == "/login") continue;
    const Answer answer = as("", std::string(route.method), path_for(route, centre_.city), "", body_for(route));
    EXPECT_EQ(answer.status(), 401) << route.path;
    EXPECT_EQ(answer.response.header("WWW-Authenticate"), "Bearer realm=\"Hinomi\"");
  }
  EXPECT_EQ(as("nobody", "GET", "/session").status(), 401);
  EXPECT_TRUE(centre_.operations.acts.empty());
}

TEST_F(ConsoleTest, an_analyst_sees_all_organisations_and_every_answer_has_the_described_members) {
  for (const auto& route : Console::routes()) {
    if (is_door(route)) continue;
    for (const Owned* owned : {&centre_.city, &centre_.clinic}) {
      const Answer answer = as("analyst", std::string(route.method), path_for(route, *owned), "", body_for(route));
      ASSERT_LT(answer.status(), 300) << route.path << " " << answer.response.body;
      std::set<std::string> members, described(route.answer.begin(), route.answer.end());
      for (const auto& member : answer.body.as_object()) members.insert(std::string(member.key()));
      if (route.path.starts_with("/indicators/")) members.insert({"published", "published_by"});  // absent until it is
      EXPECT_EQ(members, described) << route.path;
    }
  }
  const auto rows = [&](const std::string& path, const char* name) {
    return get("analyst", path).body.at(name).as_array().size();
  };
  EXPECT_EQ(rows("/events", "events"), 8U);
  EXPECT_EQ(rows("/findings", "findings"), 2U);
  EXPECT_EQ(rows("/logs", "logs"), 3U) << "the centre's own log too";
  EXPECT_EQ(get("city", "/logs").body.at("logs").as_array().size(), 1U);
  EXPECT_EQ(get("analyst", "/logs/centre/checkpoint").status(), 200);
  EXPECT_EQ(get("city", "/logs/centre/checkpoint").status(), 404);
  EXPECT_EQ(json::serialize(get("analyst", "/status").body.at("organisations")), R"(["city-hall","hospital"])");
  EXPECT_EQ(get("city", "/status").body.at("counts").at("events").as_int64(), 4);
}

// --- sessions ------------------------------------------------------------------------------------------------------------

TEST_F(ConsoleTest, a_login_link_opens_one_session_and_is_then_used_up) {
  centre_.gate.tokens["once"] = "city";
  const Answer first = send(from_page("POST", "/login", R"({"token":"once"})"));
  EXPECT_EQ(first.status(), 200);
  EXPECT_EQ(json::serialize(first.body), R"({"account":"city","role":"csirt","organisation":"city-hall"})");
  const std::string_view cookie = first.response.header("Set-Cookie");
  EXPECT_TRUE(cookie.starts_with("__Host-hinomi=")) << cookie;
  for (const char* attribute : {"; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict", "; Max-Age=43200"})
    EXPECT_NE(cookie.find(attribute), std::string_view::npos) << attribute;
  EXPECT_EQ(cookie.find("Domain"), std::string_view::npos);
  EXPECT_EQ(cookie.substr(14, cookie.find(';') - 14).size(), 43U) << "32 random bytes";
  EXPECT_EQ(send(from_page("POST", "/login", R"({"token":"once"})")).status(), 401);
}

TEST_F(ConsoleTest, a_session_ends_by_logout_idleness_age_and_a_closed_account) {
  const auto alive = [&](const std::string& cookie) {
    return send(from_page("GET", "/session", "", cookie)).status() == 200;
  };
  const std::string one = log_in("city");
  const std::string two = log_in("city");
  EXPECT_NE(one, two);
  EXPECT_TRUE(alive(one));
  EXPECT_TRUE(alive("a=b; " + one + "; c=d"));
  EXPECT_FALSE(alive(one + "x"));
  EXPECT_EQ(send(from_page("POST", "/logout", "", one)).status(), 200);
  EXPECT_FALSE(alive(one));
  EXPECT_TRUE(alive(two));

  const base::Time begun = centre_.clock.time;
  for (int minutes = 30; minutes < 12 * 60; minutes += 30) {
    centre_.clock.time = begun.plus_seconds(minutes * 60);
    EXPECT_TRUE(alive(two)) << minutes << " minutes, used every half hour";
  }
  centre_.clock.time = begun.plus_seconds(12 * 3600);
  EXPECT_FALSE(alive(two)) << "twelve hours at most";

  const std::string three = log_in("city");
  centre_.clock.time = centre_.clock.time.plus_seconds(3600);
  EXPECT_FALSE(alive(three)) << "an hour unused";

  const std::string four = log_in("city");
  centre_.gate.accounts.erase("city");
  EXPECT_FALSE(alive(four));
}

TEST_F(ConsoleTest, logins_are_counted_by_address_and_minute) {
  const auto attempt = [&](const std::string& address) {
    auto request = from_page("POST", "/login", R"({"token":"guess"})");
    request.peer.address = address;
    return send(request);
  };
  for (int i = 0; i < 10; ++i) EXPECT_EQ(attempt("192.0.2.1").status(), 401);
  const Answer refused = attempt("192.0.2.1");
  EXPECT_EQ(refused.status(), 429);
  EXPECT_EQ(refused.response.header("Retry-After"), "60");
  EXPECT_EQ(attempt("192.0.2.2").status(), 401) << "another address may";
  int allowed = 0;
  for (int i = 0; i < 200; ++i) allowed += attempt(fmt::format("198.51.100.{}", i)).status() == 401 ? 1 : 0;
  EXPECT_EQ(allowed, 89) << "a hundred a minute for all";
  centre_.clock.time = centre_.clock.time.plus_seconds(60);
  EXPECT_EQ(attempt("192.0.2.1").status(), 401);
}

TEST(Sessions, are_bounded_and_the_least_recently_used_makes_room) {
  HandClock clock;
  base::SystemRandom random;
  Sessions sessions({.most = 5, .most_each = 3}, clock, random);
  const auto later = [&] { clock.time = clock.time.plus_seconds(1); };
  std::vector<std::string> of_a;
  for (int i = 0; i < 3; ++i) of_a.push_back(sessions.begin("a")), later();
  EXPECT_TRUE(sessions.account_of(of_a[0]).has_value());
  later();
  const std::string fourth = sessions.begin("a");
  EXPECT_FALSE(sessions.account_of(of_a[1]).has_value()) << "the one longest unused";
  EXPECT_TRUE(sessions.account_of(of_a[0]).has_value());
  EXPECT_TRUE(sessions.account_of(fourth).has_value());
  for (int i = 0; i < 10; ++i) later(), sessions.begin(fmt::format("b{}", i));
  EXPECT_EQ(sessions.size(), 5U);
  EXPECT_FALSE(sessions.account_of("").has_value());
}

// --- who may knock -------------------------------------------------------------------------------------------------------

TEST_F(ConsoleTest, a_foreign_page_can_do_nothing_with_somebodys_cookie) {
  const std::string cookie = log_in("analyst");
  const std::string path = fmt::format("/indicators/{}/publish", centre_.city.indicator.id.text());
  const auto with = [&](std::string_view name, std::string value) {
    auto request = from_page("POST", path, "", cookie);
    std::erase_if(request.headers, [&](const net::Header& header) { return header.name == name; });
    if (!value.empty()) request.headers.push_back({std::string(name), std::move(value)});
    return send(request).status();
  };
  EXPECT_EQ(with("Origin", ""), 403);
  EXPECT_EQ(with("Origin", "null"), 403);
  EXPECT_EQ(with("Origin", "https://evil.test"), 403);
  EXPECT_EQ(with("Origin", "http://hinomi.test:8443"), 403);
  EXPECT_EQ(with("Sec-Fetch-Site", "cross-site"), 403);
  EXPECT_EQ(with("Sec-Fetch-Site", "same-site"), 403);
  EXPECT_EQ(with("Host", "evil.test"), 421) << "DNS rebinding";
  EXPECT_EQ(with("Host", ""), 421);
  EXPECT_TRUE(centre_.operations.acts.empty());
  EXPECT_EQ(with("Sec-Fetch-Site", ""), 200) << "older browsers do not send it";
  auto login = from_page("POST", "/login", R"({"token":"x"})");
  std::erase_if(login.headers, [](const net::Header& header) { return header.name == "Origin"; });
  EXPECT_EQ(send(login).status(), 403) << "nor log somebody in";
  EXPECT_EQ(as("analyst", "POST", path).status(), 200) << "an API key is no cookie: no page can send it";
}

TEST(Hosts, the_port_of_https_may_be_left_out_and_no_other) {
  Centre centre({.hosts = {"Hinomi.test:443", "[::1]:443", "other.test:8443"}});
  const auto status = [&](std::string host) {
    auto request = request_of("GET", "/api/v1/session");
    request.headers = {{"Host", std::move(host)}};
    return centre.console->handle(request).status;
  };
  for (const char* ours : {"hinomi.test", "hinomi.test:443", "HINOMI.TEST", "[::1]", "other.test:8443"})
    EXPECT_EQ(status(ours), 401) << ours;
  for (const char* not_ours : {"other.test", "hinomi.test:8443", "test", ":443", "x.hinomi.test"})
    EXPECT_EQ(status(not_ours), 421) << not_ours;
}

TEST_F(ConsoleTest, until_there_is_an_account_only_this_machine_may_ask) {
  centre_.gate.accounts.clear();
  for (const char* near : {"127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"}) {
    auto request = request_of("GET", "/api/v1/session");
    request.peer.address = near;
    EXPECT_EQ(send(request).status(), 401) << near;
  }
  for (const char* far : {"192.0.2.9", "10.0.0.1", "2001:db8::1", "", "127.0.0.1.example"}) {
    auto request = request_of("GET", "/api/v1/session");
    request.peer.address = far;
    EXPECT_EQ(send(request).status(), 403) << far;
    request.path = "/";
    EXPECT_EQ(send(request).status(), 403) << far;
  }
}

TEST_F(ConsoleTest, over_the_unix_socket_root_and_the_centres_own_user_are_the_operator) {
  const auto by = [&](uid_t user, std::string key = "") {
    auto request = request_of("GET", "/api/v1/session");
    request.headers.clear();  // no Host either
    if (!key.empty()) request.headers.push_back({"Authorization", "Bearer " + key});
    request.peer.address = "unix";
    request.peer.unix_uid = user;
    return send(request);
  };
  EXPECT_EQ(json::serialize(by(0).body), R"({"account":"operator:0","role":"operator","organisation":null})");
  EXPECT_EQ(by(990).body.at("role").as_string(), "operator");
  EXPECT_EQ(by(1000).status(), 403);
  EXPECT_EQ(by(1000, "key-city").body.at("role").as_string(), "csirt") << "a key is a key";
  EXPECT_EQ(by(0, "key-city").body.at("role").as_string(), "csirt");
  EXPECT_EQ(by(0, "wrong").status(), 401);
}

TEST_F(ConsoleTest, bad_requests_are_refused_with_the_reason) {
  EXPECT_EQ(get("analyst", "/nothing").status(), 404);
  EXPECT_EQ(get("analyst", "/events/").status(), 404);
  EXPECT_EQ(get("analyst", "/events/x/y").status(), 404);
  EXPECT_EQ(get("analyst", "").status(), 404);
  const Answer wrong = as("analyst", "DELETE", "/events");
  EXPECT_EQ(wrong.status(), 405);
  EXPECT_EQ(wrong.response.header("Allow"), "GET");
  for (const char* query : {"limit=0", "limit=1001", "limit=x", "since=yesterday", "kind=x", "order=up", "host=x",
                            "cursor=x", "unknown=1", "limit=1&limit=2", "text=%zz", "organisation=Not%20A%20Name"}) {
    const Answer answer = get("analyst", "/events", query);
    EXPECT_EQ(answer.status(), 400) << query << " " << answer.response.body;
  }
  EXPECT_EQ(get("analyst", "/findings", "level=loud").status(), 400);
  EXPECT_EQ(get("analyst", "/indicators", "state=x").status(), 400);
  EXPECT_EQ(get("analyst", "/indicators", "type=x").status(), 400);
  EXPECT_EQ(get("analyst", "/events/not-an-id").status(), 404);
  EXPECT_EQ(get("analyst", "/logs/city-hall/entries/99").status(), 404);
  EXPECT_EQ(get("analyst", "/logs/city-hall/entries/-1").status(), 404);
  EXPECT_EQ(get("analyst", "/rederive/other").status(), 404);

  const auto post = [&](std::string body) { return as("analyst", "POST", "/tokens", "", std::move(body)).status(); };
  EXPECT_EQ(post("{"), 400);
  EXPECT_EQ(post("[]"), 400);
  EXPECT_EQ(post("{}"), 400);
  EXPECT_EQ(post(std::string(70'000, ' ')), 413);
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "{\"a\":";
  EXPECT_EQ(post(deep), 400);
  EXPECT_EQ(post(R"({"organisation":"city-hall","system":"s","uses":0})"), 400);
  EXPECT_EQ(post(R"({"organisation":"city-hall","system":"s","uses":"1"})"), 400);
  EXPECT_EQ(post(R"({"organisation":"city-hall","system":"s","x":1})"), 400);
  EXPECT_EQ(post(R"({"organisation":"centre","system":"s"})"), 400) << "reserved";
  EXPECT_EQ(post(R"({"organisation":"../x","system":"s"})"), 400);
  EXPECT_EQ(post(R"({"organisation":"city-hall","system":"s","expires_seconds":99999999})"), 400);
  auto form = request_of("POST", "/api/v1/tokens", "", R"({"organisation":"city-hall","system":"s"})");
  form.headers = {
      {"Host", "hinomi.test:8443"}, {"Authorization", "Bearer key-analyst"}, {"Content-Type", "text/plain"}};
  EXPECT_EQ(send(form).status(), 415);
  EXPECT_EQ(as("analyst", "POST", "/accounts", "", R"({"name":"x","role":"csirt"})").status(), 400);
  EXPECT_EQ(as("analyst", "POST", "/accounts", "", R"({"name":"x","role":"operator"})").status(), 400);
  EXPECT_EQ(as("analyst", "POST", "/revocations", "", R"({"sensor":"x"})").status(), 400);
  EXPECT_TRUE(centre_.operations.acts.empty());
}

TEST_F(ConsoleTest, acts_reach_the_centre_with_their_actor) {
  EXPECT_EQ(as("analyst", "POST", "/tokens", "",
               R"({"organisation":"city-hall","system":"staff-pcs","uses":3,"expires_seconds":600})")
                .status(),
            201);
  EXPECT_EQ(as("analyst", "POST", fmt::format("/indicators/{}/publish", centre_.city.indicator.id.text()))
                .body.at("state")
                .as_string(),
            "published");
  ASSERT_EQ(centre_.operations.acts.size(), 2U);
  EXPECT_EQ(centre_.operations.acts[0], "analyst token city-hall staff-pcs 3 600");
  EXPECT_EQ(centre_.operations.acts[1], "analyst publishes " + centre_.city.indicator.value);
}

TEST_F(ConsoleTest, only_a_candidate_can_be_published) {
  model::Indicator held = centre_.city.indicator;
  held.state = model::IndicatorState::held;
  held.reason = "private";
  store::Rows rows;
  rows.indicators = {held};
  ASSERT_TRUE(
      centre_.store->write(rows, 5, {.log = "test/evidence/city-hall", .next = 6, .detector = "", .judge = ""}));
  const Answer answer = as("analyst", "POST", fmt::format("/indicators/{}/publish", held.id.text()));
  EXPECT_EQ(answer.status(), 409);
  EXPECT_TRUE(centre_.operations.acts.empty());
}

// --- answers -------------------------------------------------------------------------------------------------------------

TEST_F(ConsoleTest, a_finding_opens_with_its_tree_connections_rule_steps_and_indicators) {
  const Answer answer = get("city", "/findings/" + centre_.city.finding.id.text());
  ASSERT_EQ(answer.status(), 200) << answer.response.body;
  EXPECT_EQ(answer.body.at("finding").at("id").as_string(), centre_.city.finding.id.text());
  EXPECT_EQ(answer.body.at("events").as_array().size(), 1U);
  std::string tree;
  for (const auto& process : answer.body.at("processes").as_array()) {
    tree += std::string(process.at("executable").as_string()) + (process.at("is_subject").as_bool() ? "* " : " ");
  }
  EXPECT_EQ(tree, "/usr/bin/bash /dev/shm/tool* /usr/bin/id ");
  ASSERT_EQ(answer.body.at("connections").as_array().size(), 1U);
  EXPECT_EQ(answer.body.at("connections").at(0).at("destination_address").as_string(), "198.51.100.7");
  EXPECT_EQ(answer.body.at("rule").at("title_ja").as_string(), "\xe7\x81\xab");
  EXPECT_EQ(answer.body.at("indicators").at(0).at("id").as_string(), centre_.city.indicator.id.text());
  std::string steps;
  for (const auto& step : answer.body.at("steps").as_array()) steps += std::string(step.at("step").as_string()) + " ";
  EXPECT_EQ(steps, "shell started connected children recorded rule_held candidate ");
}

TEST_F(ConsoleTest, pages_follow_each_other_and_end) {
  std::set<std::string> seen;
  std::string cursor;
  for (int page = 0; page < 4; ++page) {
    const Answer answer =
        get("city", "/events", "limit=1" + (cursor.empty() ? "" : "&cursor=" + net::percent_encode(cursor)));
    ASSERT_EQ(answer.status(), 200);
    for (const auto& event : answer.body.at("events").as_array())
      EXPECT_TRUE(seen.insert(std::string(event.at("id").as_string())).second);
    if (answer.body.at("next").is_null()) break;
    cursor = answer.body.at("next").as_string();
  }
  EXPECT_EQ(seen.size(), 4U);
  EXPECT_TRUE(get("city", "/events").body.at("next").is_null());
}

TEST_F(ConsoleTest, who_follows_events_gets_those_that_come_later_once) {
  const Answer first = get("city", "/events", "order=asc");
  EXPECT_EQ(first.body.at("events").as_array().size(), 4U);
  const std::string cursor(first.body.at("next").as_string());
  EXPECT_EQ(get("city", "/events", "order=asc&cursor=" + cursor).body.at("events").as_array().size(), 0U);
  store::Rows rows;
  rows.events = {start_event("city-hall", 9, "new", "", "/bin/new"), start_event("hospital", 9, "new", "", "/bin/new")};
  ASSERT_TRUE(
      centre_.store->write(rows, 5, {.log = "test/evidence/city-hall", .next = 7, .detector = "", .judge = ""}));
  const Answer later = get("city", "/events", "order=asc&cursor=" + cursor);
  EXPECT_EQ(later.body.at("events").as_array().size(), 1U);
}

TEST_F(ConsoleTest, filters_choose) {
  const auto count = [&](const std::string& query) {
    return get("analyst", "/events", query).body.at("events").as_array().size();
  };
  EXPECT_EQ(count("organisation=hospital"), 4U);
  EXPECT_EQ(count("kind=network_connect"), 2U);
  EXPECT_EQ(count("process_guid=city-hall-tool"), 2U);
  EXPECT_EQ(count("text=dev%2Fshm&kind=process_start"), 2U);
  EXPECT_EQ(count("since=2026-11-21T07:59:04Z"), 2U);
  EXPECT_EQ(count("since=2026-11-21T16:59:04%2B09:00"), 2U);
  EXPECT_EQ(count("since=2026-11-21T16:59:04+09:00"), 2U) << "a plus that was not encoded";
  EXPECT_EQ(get("analyst", "/findings", "level=critical").body.at("findings").as_array().size(), 0U);
  EXPECT_EQ(get("analyst", "/findings", "level=medium").body.at("findings").as_array().size(), 2U);
  EXPECT_EQ(get("analyst", "/indicators", "state=candidate&type=file-sha256").body.at("indicators").as_array().size(),
            2U);
  EXPECT_EQ(get("analyst", "/indicators", "state=published").body.at("indicators").as_array().size(), 0U);
}

TEST_F(ConsoleTest, an_entrys_proof_is_what_a_browser_needs) {
  const Answer answer = get("city", "/logs/city-hall/entries/2");
  EXPECT_EQ(answer.body.at("leaf").as_string(), base::to_base64("leaf"));
  EXPECT_EQ(answer.body.at("path").at(1).as_string(), base::to_base64(base::sha256("b").bytes()));
  EXPECT_EQ(answer.body.at("entry").at("kind").as_string(), "batch");
  EXPECT_TRUE(answer.body.at("entry").at("system").is_null());
}

// --- pages ---------------------------------------------------------------------------------------------------------------

class Pages : public ::testing::Test {
 protected:
  Pages() {
    base::fs::create_directories(folder_.path / "web/assets");
    write("web/index.html", "<!doctype html>");
    write("web/favicon.svg", "<svg/>");
    write("web/assets/index-B4c1_x9Z.js", "x");
    write("secret.txt", "secret");
    base::fs::create_symlink(folder_.path / "secret.txt", folder_.path / "web/link.txt");
    files_ = inside::WebFiles::load(folder_.path / "web").value();
  }
  void write(const char* name, std::string_view text) const { std::ofstream(folder_.path / name) << text; }
  net::Response get(std::string path, net::Headers headers = {}, std::string method = "GET") const {
    return files_.answer({.method = std::move(method), .path = std::move(path), .headers = std::move(headers)});
  }
  Folder folder_;
  inside::WebFiles files_;
};

TEST_F(Pages, files_have_their_type_and_are_kept_as_long_as_they_are_good) {
  EXPECT_EQ(files_.size(), 3U) << "a link is no file of ours";
  EXPECT_EQ(get("/index.html").header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(get("/index.html").header("Cache-Control"), "no-cache");
  EXPECT_EQ(get("/favicon.svg").header("Content-Type"), "image/svg+xml");
  EXPECT_EQ(get("/favicon.svg").header("Cache-Control"), "no-cache");
  const auto hashed = get("/assets/index-B4c1_x9Z.js");
  EXPECT_EQ(hashed.header("Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(hashed.header("Cache-Control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(hashed.body, "x");
  const std::string etag(hashed.header("ETag"));
  EXPECT_EQ(get("/assets/index-B4c1_x9Z.js", {{"If-None-Match", etag}}).status, 304);
  EXPECT_EQ(get("/index.html", {}, "HEAD").body, "");
  EXPECT_EQ(get("/index.html", {}, "POST").status, 405);
}

TEST_F(Pages, a_page_of_the_app_is_its_index_and_a_file_that_is_not_there_is_404) {
  for (const char* page : {"/", "/login", "/findings/0b6f", "/a/b/c"})
    EXPECT_EQ(get(page).body, "<!doctype html>") << page;
  for (const char* none : {"/x.js", "/assets/x.js", "/secret.txt", "/../secret.txt", "/assets/../../secret.txt",
                           "/link.txt", "//secret.txt", "/web/index.html", "/%2e%2e/secret.txt"})
    EXPECT_EQ(get(none).status, 404) << none;
  for (const char* odd : {"/..", "/etc/passwd", "/../etc/passwd"})
    EXPECT_EQ(get(odd).body.find("root:"), std::string::npos);
}

TEST_F(ConsoleTest, every_answer_has_the_security_headers) {
  std::vector<net::Request> requests{request_of("GET", "/"),
                                     request_of("GET", "/x.js"),
                                     request_of("GET", "/api/v1/session"),
                                     request_of("GET", "/api/v1/nothing"),
                                     request_of("GET", "/api/v2"),
                                     request_of("POST", "/")};
  requests.push_back(requests[0]);
  requests.back().headers = {{"Host", "evil.test"}};
  for (const auto& request : requests) {
    const auto response = centre_.console->handle(request);
    const std::string policy(response.header("Content-Security-Policy"));
    EXPECT_TRUE(policy.starts_with("default-src 'none'")) << request.path;
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos);
    EXPECT_EQ(response.header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(response.header("Referrer-Policy"), "no-referrer");
    if (request.path.starts_with("/api/v1")) EXPECT_EQ(response.header("Cache-Control"), "no-store");
  }
}

}  // namespace
}  // namespace hinomi::console
