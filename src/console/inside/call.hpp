// One request on its way through the console: who asks for what, and the small tools every route uses.
// Threads: a Call belongs to the thread that answers it.
#pragma once

#include <hinomi/console/console.hpp>

#include <boost/json.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::console::inside {

namespace json = boost::json;

struct Call {
  const net::Request& request;
  access::Principal who;           // of `anyone` routes: nobody
  std::vector<std::string> names;  // what stood for {…}, in order
  json::object body;               // empty for GET
};

// Whether `who` may see what is that organisation's; "centre" is nobody's but the centre's.
bool sees(const access::Principal& who, std::string_view organisation);
// Whose rows an answer may hold. Every query of the store takes it.
store::Scope scope_of(const access::Principal& who);

// Query parameters and body members by kind; absent is no error, something else than the kind is invalid_argument.
base::Result<std::optional<model::OrganisationId>> organisation_of(
    const Call& call);  // forbidden if it is not the asker's
base::Result<std::optional<base::Time>> time_parameter(const Call& call, std::string_view name);
base::Result<unsigned> limit_parameter(const Call& call);
std::string text_parameter(const Call& call, std::string_view name);
base::Result<std::string> text_member(const Call& call, std::string_view name);  // required
base::Result<std::optional<std::string>> text_member_if(const Call& call,
                                                        std::string_view name);  // null counts as absent
base::Result<std::int64_t> number_member(const Call& call, std::string_view name, std::int64_t otherwise,
                                         std::int64_t least, std::int64_t most);

net::Response answer_of(const json::object& object, int status = 200);
net::Response answer_of(std::string text);

}  // namespace hinomi::console::inside
