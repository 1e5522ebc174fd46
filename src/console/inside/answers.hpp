// What each route answers. A function a route: the call in, the answer or an error out.
// Threads: all may run at once; they share what Services borrow.
#pragma once

#include <hinomi/console/inside/call.hpp>

namespace hinomi::console::inside {

using Answer = base::Result<net::Response> (*)(const Services& services, const Call& call);

struct Entry {
  Route route;
  Answer answer;  // null for those that the door itself answers: login, logout
};

// The route table: every path under /api/v1, without that prefix.
const std::vector<Entry>& entries();

json::object session_object(const access::Principal& who);

}  // namespace hinomi::console::inside
