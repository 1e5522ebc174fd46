#include <hinomi/console/console.hpp>

#include <hinomi/base/mutex.hpp>
#include <hinomi/console/inside/answers.hpp>
#include <hinomi/console/inside/web_files.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace hinomi::console {
namespace {

using inside::Call;
using inside::Entry;
namespace json = boost::json;

constexpr std::string_view kApi = "/api/v1";
constexpr std::string_view kCookie = "__Host-hinomi";
constexpr std::size_t kMaxBody = 64U << 10;

bool is_loopback(std::string_view address) {
  const auto parsed = base::IpAddress::parse(address);
  if (!parsed) return false;
  return parsed->is_v4() ? parsed->text().starts_with("127.") : parsed->text() == "::1";
}

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

std::string_view cookie_of(const net::Request& request) {
  for (const auto& header : request.headers) {
    if (lower(header.name) != "cookie") continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      const std::string_view pair = trimmed(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (pair.size() > kCookie.size() && pair.starts_with(kCookie) && pair[kCookie.size()] == '=')
        return pair.substr(kCookie.size() + 1);
    }
  }
  return {};
}

// The {…} of `pattern` in `path`, or nothing if it is another path. No segment is empty.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  std::vector<std::string> names;
  while (!pattern.empty() && !path.empty()) {
    if (pattern.front() != '/' || path.front() != '/') return std::nullopt;
    pattern.remove_prefix(1);
    path.remove_prefix(1);
    const std::string_view expected = pattern.substr(0, pattern.find('/'));
    const std::string_view given = path.substr(0, path.find('/'));
    if (expected.starts_with('{')) {
      if (given.empty() || given.size() > 200) return std::nullopt;
      names.emplace_back(given);
    } else if (expected != given) {
      return std::nullopt;
    }
    pattern.remove_prefix(expected.size());
    path.remove_prefix(given.size());
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return names;
}

base::Status check_query(const Route& route, std::string_view query) {
  std::vector<std::string> seen;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const auto name = net::percent_decode(pair.substr(0, equals), true);
    const auto value = net::percent_decode(equals == pair.size() ? "" : pair.substr(equals + 1), true);
    if (!name || !value) return base::fail(base::Errc::invalid_argument, "the query is not percent-encoded properly");
    if (std::ranges::find(route.query, *name) == route.query.end())
      return base::fail(base::Errc::invalid_argument,
                        fmt::format("unknown parameter; this takes: {}", fmt::join(route.query, ", ")));
    if (std::ranges::find(seen, *name) != seen.end())
      return base::fail(base::Errc::invalid_argument, fmt::format("{} is given twice", *name));
    seen.push_back(*name);
  }
  return {};
}

base::Result<json::object> body_of(const Route& route, const net::Request& request) {
  if (request.body.size() > kMaxBody)
    return base::fail(base::Errc::too_large, fmt::format("a body may hold {} bytes", kMaxBody));
  if (request.body.empty()) return json::object{};
  // A form of another origin can send text/plain or a form; it cannot send JSON without asking first.
  const std::string_view type = request.header("Content-Type");
  if (lower(trimmed(type.substr(0, type.find(';')))) != "application/json")
    return base::fail(base::Errc::unsupported, "a body must be application/json");
  json::error_code failed;
  json::parse_options options;
  options.max_depth = 8;
  json::value value;
  try {
    value = json::parse(request.body, failed, {}, options);
  } catch (const std::exception&) {
    return base::fail(base::Errc::malformed, "the body is not JSON");
  }
  if (failed || !value.is_object()) return base::fail(base::Errc::malformed, "the body is not a JSON object");
  for (const auto& member : value.as_object())
    if (std::ranges::find(route.body, std::string_view(member.key())) == route.body.end())
      return base::fail(base::Errc::invalid_argument,
                        fmt::format("unknown member; this takes: {}", fmt::join(route.body, ", ")));
  return std::move(value.as_object());
}

// How often somebody may try to log in: a window of a minute, for each address and for all.
class LoginRate {
 public:
  explicit LoginRate(const base::Clock& clock) : clock_(clock) {}
  bool allows(const std::string& address) {
    constexpr std::size_t kEach = 10;
    constexpr std::size_t kAll = 100;
    const std::int64_t minute = clock_.now().seconds() / 60;
    base::Lock lock(mutex_);
    if (minute != minute_) {
      minute_ = minute;
      all_ = 0;
      by_address_.clear();  // so it never holds more than kAll
    }
    if (all_ >= kAll || by_address_[address] >= kEach) return false;
    ++all_;
    ++by_address_[address];
    return true;
  }

 private:
  const base::Clock& clock_;
  base::Mutex mutex_;
  std::int64_t minute_ HINOMI_GUARDED_BY(mutex_) = 0;
  std::size_t all_ HINOMI_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::size_t> by_address_ HINOMI_GUARDED_BY(mutex_);
};

}  // namespace

class Console::State {
 public:
  State(Options options, Services services, inside::WebFiles web)
      : options_(std::move(options)),
        services_(services),
        web_(std::move(web)),
        sessions_(options_.sessions, services_.clock, services_.random),
        login_rate_(services_.clock) {}

  net::Response handle(const net::Request& request) {
    net::Response out = route(request);
    inside::add_security_headers(out);
    return out;
  }

 private:
  struct Asker {
    access::Principal who;
    bool by_cookie = false;
  };

  net::Response route(const net::Request& request) {
    const bool by_unix = request.peer.unix_uid.has_value();
    if (!by_unix) {
      if (const auto checked = check_host(request); !checked) return error(checked.error(), 421);
      if (!services_.gate.has_account() && !is_loopback(request.peer.address))
        return error({base::Errc::forbidden, "until there is an account, only this machine may ask"});
    }
    if (request.path != kApi && !request.path.starts_with(std::string(kApi) + "/")) {
      if (request.path == "/api" || request.path.starts_with("/api/"))
        return error({base::Errc::not_found, "there is no such path"});
      return web_.answer(request);
    }
    net::Response out = api(request);
    out.headers.push_back({"Cache-Control", "no-store"});
    return out;
  }

  net::Response api(const net::Request& request) {
    const std::string_view path = std::string_view(request.path).substr(kApi.size());
    const Entry* chosen = nullptr;
    std::vector<std::string> names;
    std::string allowed;
    for (const auto& entry : inside::entries()) {
      auto matched = match(entry.route.path, path);
      if (!matched) continue;
      allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", entry.route.method);
      if (entry.route.method != request.method) continue;
      chosen = &entry;
      names = std::move(*matched);
    }
    if (!chosen && allowed.empty()) return error({base::Errc::not_found, "there is no such path"});
    if (!chosen) {
      net::Response out = error({base::Errc::unsupported, "this path takes " + allowed}, 405);
      out.headers.push_back({"Allow", allowed});
      return out;
    }
    const auto answered = answer(request, *chosen, std::move(names));
    return answered ? *answered : error(answered.error());
  }

  base::Result<net::Response> answer(const net::Request& request, const Entry& entry, std::vector<std::string> names) {
    const bool changes = entry.route.method != "GET";
    if (entry.route.path == "/login") {
      TRY_VOID(check_origin(request));
      return login(request, entry.route);
    }
    const Asker asker = TRY(asker_of(request));
    if (changes && asker.by_cookie) TRY_VOID(check_origin(request));
    TRY_VOID(check_may(entry.route.may, asker.who));
    TRY_VOID(check_query(entry.route, request.query));
    Call call{
        .request = request, .who = asker.who, .names = std::move(names), .body = TRY(body_of(entry.route, request))};
    if (entry.route.path == "/logout") return logout(request);
    try {
      return entry.answer(services_, call);
    } catch (const std::exception& thrown) {
      return base::fail(base::Errc::internal, thrown.what());
    }
  }

  static base::Status check_may(May may, const access::Principal& who) {
    if (may == May::centre && !who.may_administer())
      return base::fail(base::Errc::forbidden, "this needs an analyst or the operator");
    if (may == May::owners && who.role == access::Role::subscriber)
      return base::fail(base::Errc::forbidden, "a subscriber reads the feed, at /taxii2/");
    return {};
  }

  base::Status check_host(const net::Request& request) const {
    const std::string host = lower(request.header("Host"));
    for (const auto& known : options_.hosts) {
      const std::string name = lower(known);
      if (host == name) return {};
      // A browser leaves out the port of https.
      if (name.ends_with(":443") && host == name.substr(0, name.size() - 4)) return {};
    }
    return base::fail(base::Errc::forbidden, "this server does not go by that name");
  }

  // What changes something by a cookie must come from a page of ours.
  static base::Status check_origin(const net::Request& request) {
    if (request.peer.unix_uid) return {};
    const std::string_view site = request.header("Sec-Fetch-Site");
    if (lower(request.header("Origin")) != "https://" + lower(request.header("Host")) ||
        (!site.empty() && site != "same-origin"))
      return base::fail(base::Errc::forbidden, "this must be asked from the console's own page");
    return {};
  }

  base::Result<Asker> asker_of(const net::Request& request) {
    const std::string_view authorization = request.header("Authorization");
    if (!authorization.empty()) {
      const std::size_t space = std::min(authorization.find(' '), authorization.size());
      const std::string_view key = trimmed(authorization.substr(space));
      if (lower(authorization.substr(0, space)) != "bearer" || key.empty() || key.size() > 1024)
        return base::fail(base::Errc::unauthenticated, "Authorization must be Bearer and an API key");
      return Asker{.who = TRY(services_.gate.api_key(key))};
    }
    if (request.peer.unix_uid) {
      if (*request.peer.unix_uid != 0 && *request.peer.unix_uid != options_.own_user)
        return base::fail(base::Errc::forbidden, "this socket is for root and the centre's own user");
      access::Principal who;
      who.account = fmt::format("operator:{}", *request.peer.unix_uid);
      who.role = access::Role::centre_operator;
      return Asker{.who = who};
    }
    const auto account = sessions_.account_of(cookie_of(request));
    if (!account) return base::fail(base::Errc::unauthenticated, "log in first: by a login link, or with an API key");
    auto who = services_.gate.account(*account);
    if (!who) {
      sessions_.end_all_of(*account);
      return base::fail(base::Errc::unauthenticated, "this account is closed");
    }
    return Asker{.who = *who, .by_cookie = true};
  }

  base::Result<net::Response> login(const net::Request& request, const Route& route) {
    if (!login_rate_.allows(request.peer.address)) {
      net::Response out = error({base::Errc::unavailable, "too many attempts; wait a minute"}, 429);
      out.headers.push_back({"Retry-After", "60"});
      return out;
    }
    TRY_VOID(check_query(route, request.query));
    const Call call{.request = request, .who = {}, .names = {}, .body = TRY(body_of(route, request))};
    const std::string token = TRY(inside::text_member(call, "token"));
    const access::Principal who = TRY(services_.gate.redeem_login(token));
    if (const auto old = cookie_of(request); !old.empty()) sessions_.end(old);
    net::Response out = inside::answer_of(inside::session_object(who));
    out.headers.push_back(
        {"Set-Cookie", fmt::format("{}={}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={}", kCookie,
                                   sessions_.begin(who.account), sessions_.limits().absolute_seconds)});
    return out;
  }

  base::Result<net::Response> logout(const net::Request& request) {
    if (const auto secret = cookie_of(request); !secret.empty()) sessions_.end(secret);
    net::Response out = inside::answer_of(json::object{});
    out.headers.push_back(
        {"Set-Cookie", fmt::format("{}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0", kCookie)});
    return out;
  }

  static net::Response error(const base::Error& error, int status = 0) {
    net::Response out = net::error_response(error);
    if (status != 0) out.status = status;
    if (out.status == 401) out.headers.push_back({"WWW-Authenticate", "Bearer realm=\"Hinomi\""});
    return out;
  }

  const Options options_;
  const Services services_;
  const inside::WebFiles web_;
  Sessions sessions_;
  LoginRate login_rate_;
};

Console::Console(std::unique_ptr<State> state) : state_(std::move(state)) {}
Console::~Console() = default;

base::Result<std::unique_ptr<Console>> Console::create(Options options, Services services) {
  inside::WebFiles web = TRY(inside::WebFiles::load(options.web));
  return std::unique_ptr<Console>(new Console(std::make_unique<State>(std::move(options), services, std::move(web))));
}

net::Response Console::handle(const net::Request& request) { return state_->handle(request); }

std::span<const Route> Console::routes() {
  static const std::vector<Route> routes = [] {
    std::vector<Route> out;
    for (const auto& entry : inside::entries()) out.push_back(entry.route);
    return out;
  }();
  return routes;
}

}  // namespace hinomi::console
