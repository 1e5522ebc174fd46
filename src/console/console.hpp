// The console's door: /api/v1 and the web app, as a function from request to answer.
// Who asks is one of: root or the centre's own user over the unix socket (operator), a session cookie, a bearer API key.
// A page of another origin can do nothing: the cookie is SameSite=Strict, what changes something needs our own Origin and a
// JSON body, and the Host must be one of ours (DNS rebinding). Until there is an account, only this machine may ask.
// Owns:    sessions and the web app's bytes; borrows everything else.
// Threads: handle() from any thread at once.
// Fails:   start with Errc::io or too_large for the web folder; afterwards what goes wrong is an answer.
// Limits:  64 KiB a body, JSON depth 8, 1,000 rows a page, 10 logins a minute and address.
#pragma once

#include <hinomi/base/file.hpp>
#include <hinomi/base/random.hpp>
#include <hinomi/console/services.hpp>
#include <hinomi/console/sessions.hpp>
#include <hinomi/net/http.hpp>
#include <hinomi/store/store.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::console {

struct Options {
  base::fs::path web;              // the built web app; empty: no pages
  std::vector<std::string> hosts;  // what a Host header may say, for example "hinomi.example:8443", "127.0.0.1:8443"
  uid_t own_user = 0;              // over the unix socket, this user and root are the operator
  SessionLimits sessions;
};

struct Services {
  const store::Store& store;
  const Logs& logs;
  Gate& gate;
  Operations& operations;
  const base::Clock& clock;
  base::Random& random;
};

// Who may use a route. Everybody's answers are limited to the organisations they may see besides.
enum class May : std::uint8_t {
  anyone,  // also who is nobody
  known,   // any account
  owners,  // operator, analyst, and an organisation's own people; not subscribers
  centre,  // operator and analyst
};

// One route, for the router, the documentation's test, and readers.
struct Route {
  std::string_view method;
  std::string_view path;  // {name} stands for one segment
  May may;
  std::vector<std::string_view> query;   // parameters that it takes
  std::vector<std::string_view> body;    // members of its JSON body
  std::vector<std::string_view> answer;  // top-level members of its answer
};

class Console {
 public:
  static base::Result<std::unique_ptr<Console>> create(Options options, Services services);
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  [[nodiscard]] net::Response handle(const net::Request& request);

  static std::span<const Route> routes();

 private:
  class State;
  explicit Console(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hinomi::console
