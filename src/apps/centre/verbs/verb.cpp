#include <verbs/verb.hpp>

#include <fmt/core.h>

#include <algorithm>

namespace hinomi::centre {

namespace json = boost::json;

base::Result<Config> Context::load() const {
  const base::fs::path file = TRY(find_config(config));
  return Config::load(file);
}

CLI::App* add_verb(CLI::App& app, const std::string& name, const std::string& key) {
  CLI::App* verb = app.add_subcommand(name, text("help." + key));
  verb->fallthrough();
  verb->footer(text("examples." + key));
  return verb;
}

// --- Api ---

base::Result<Api> Api::open(const Context& context) {
  const Config config = TRY(context.load());
  auto client = TRY(net::Client::create({.url = "unix:" + config.socket().string()}));
  return Api(std::move(client));
}

base::Result<json::value> Api::send(const net::Request& request) {
  const net::Response response = TRY(client_->send(request));
  json::error_code error;
  json::value value =
      json::parse(response.body.empty() ? std::string_view("{}") : std::string_view(response.body), error);
  if (error)
    return base::fail(base::Errc::malformed, fmt::format("the centre answered {} without JSON", response.status));
  if (response.status >= 200 && response.status < 300) return value;
  return base::fail(base::errc_named(field(value, "error.code")), field(value, "error.message"));
}

base::Result<json::value> Api::get(const std::string& path, const std::map<std::string, std::string>& query) {
  net::Request request;
  request.path = path;
  for (const auto& [name, value] : query)
    if (!value.empty())
      request.query += fmt::format("{}{}={}", request.query.empty() ? "" : "&", name, net::percent_encode(value));
  return send(request);
}

base::Result<json::value> Api::post(const std::string& path, const json::object& body) {
  net::Request request;
  request.method = "POST";
  request.path = path;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = json::serialize(body);
  return send(request);
}

std::string field(const json::value& object, std::string_view path) {
  const json::value* value = &object;
  while (true) {
    const std::size_t dot = path.find('.');
    if (!value->is_object()) return {};
    value = value->get_object().if_contains(path.substr(0, dot));
    if (value == nullptr || value->is_null()) return {};
    if (dot == path.npos) break;
    path.remove_prefix(dot + 1);
  }
  if (value->is_string()) return std::string(value->get_string());
  if (value->is_double()) return fmt::format("{:.1f}", value->get_double());
  return json::serialize(*value);
}

base::Result<json::array> items_of(const json::value& answer, std::string_view name) {
  const json::value* items = answer.is_object() ? answer.get_object().if_contains(name) : nullptr;
  if (items == nullptr || !items->is_array())
    return base::fail(base::Errc::malformed, fmt::format("the centre's answer holds no {}", name));
  return items->get_array();
}

// --- Lists ---

base::Status print_list(const Context& context, const List& list) {
  constexpr std::uint64_t kPage = 500;
  Api api = TRY(Api::open(context));
  auto query = list.query;
  std::uint64_t printed = 0;
  while (list.limit == 0 || printed < list.limit) {
    query["limit"] = std::to_string(list.limit == 0 ? kPage : std::min(kPage, list.limit - printed));
    const json::value page = TRY(api.get(list.path, query));
    const json::array items = TRY(items_of(page, list.name));
    for (const json::value& item : items) print(context.json ? json::serialize(item) : list.row(item));
    printed += items.size();
    query["cursor"] = field(page, "next");
    if (query["cursor"].empty() || items.empty()) break;
  }
  return {};
}

void Filters::add_to(CLI::App& verb, bool times) {
  verb.add_option("--organisation", organisation, text("option.organisation"));
  if (times) {
    verb.add_option("--host", host, text("option.host"));
    verb.add_option("--since", since, text("option.since"));
    verb.add_option("--until", until, text("option.until"));
  }
  verb.add_option("--limit", limit, text("option.limit"))->capture_default_str();
}

std::map<std::string, std::string> Filters::query() const {
  return {{"organisation", organisation}, {"host", host}, {"since", since}, {"until", until}};
}

}  // namespace hinomi::centre
