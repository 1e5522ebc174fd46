#include <hinomi/console/inside/call.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace hinomi::console::inside {
namespace {
std::unexpected<base::Error> refuse(std::string what) {
  return base::fail(base::Errc::invalid_argument, std::move(what));
}
}  // namespace

bool sees(const access::Principal& who, std::string_view organisation) {
  if (who.sees_all()) return true;
  const auto parsed = model::OrganisationId::parse(organisation);
  return parsed && who.may_see(*parsed);
}

store::Scope scope_of(const access::Principal& who) {
  if (who.sees_all()) return store::Scope::everything();
  if (who.organisation && who.may_see(*who.organisation)) return store::Scope::of({*who.organisation});
  return store::Scope::of({});
}

std::string text_parameter(const Call& call, std::string_view name) {
  return call.request.parameter(name).value_or("");
}

base::Result<std::optional<model::OrganisationId>> organisation_of(const Call& call) {
  const std::string text = text_parameter(call, "organisation");
  if (text.empty()) return std::nullopt;
  // The same answer whether it exists or not.
  if (!sees(call.who, text)) return base::fail(base::Errc::forbidden, "this account may not see that organisation");
  return TRY(model::OrganisationId::parse(text));
}

base::Result<std::optional<base::Time>> time_parameter(const Call& call, std::string_view name) {
  std::string text = text_parameter(call, name);
  if (text.empty()) return std::nullopt;
  std::ranges::replace(text, ' ', '+');  // an offset whose plus was not encoded
  const auto time = base::Time::parse_rfc3339(text);
  if (!time) return refuse(fmt::format("{} must be an RFC 3339 time, such as 2026-11-21T09:00:00Z", name));
  return *time;
}

base::Result<unsigned> limit_parameter(const Call& call) {
  const std::string text = text_parameter(call, "limit");
  if (text.empty()) return 100U;
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1 || number > store::kMaxLimit)
    return refuse(fmt::format("limit must be 1 to {}", store::kMaxLimit));
  return number;
}

base::Result<std::optional<std::string>> text_member_if(const Call& call, std::string_view name) {
  const auto* value = call.body.if_contains(name);
  if (!value || value->is_null()) return std::nullopt;
  if (!value->is_string() || value->as_string().size() > 4096) return refuse(fmt::format("{} must be a text", name));
  return std::string(value->as_string());
}

base::Result<std::string> text_member(const Call& call, std::string_view name) {
  const auto text = TRY(text_member_if(call, name));
  if (!text || text->empty()) return refuse(fmt::format("{} is missing", name));
  return *text;
}

base::Result<std::int64_t> number_member(const Call& call, std::string_view name, std::int64_t otherwise,
                                         std::int64_t least, std::int64_t most) {
  const auto* value = call.body.if_contains(name);
  if (!value || value->is_null()) return otherwise;
  if (!value->is_int64() || value->as_int64() < least || value->as_int64() > most)
    return refuse(fmt::format("{} must be a whole number from {} to {}", name, least, most));
  return value->as_int64();
}

net::Response answer_of(std::string text) { return net::json_response(200, std::move(text)); }
net::Response answer_of(const json::object& object, int status) {
  return net::json_response(status, json::serialize(object));
}

}  // namespace hinomi::console::inside
