// What every verb of `hinomi` shares: where the configuration is, how to answer, and how to ask the running centre.
// A verb is one file: it adds its subcommand, and leaves in `todo` what is to be done once the command line is read.
// Threads: one.
#pragma once

#include <config.hpp>
#include <say.hpp>

#include <hinomi/net/client.hpp>

#include <boost/json.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace hinomi::centre {

struct Context {
  std::string config;  // --config
  bool json = false;   // --json: one JSON object a line
  std::function<base::Status()> todo;
  int exit_code = 0;  // of a verb that did what it was asked, when the answer is "no"

  [[nodiscard]] base::Result<Config> load() const;
};

// A subcommand with its summary (help.<key>) and examples (examples.<key>) from the catalogue.
CLI::App* add_verb(CLI::App& app, const std::string& name, const std::string& key);

void add_serve(CLI::App& app, Context& context);
void add_enrol_token(CLI::App& app, Context& context);
void add_log(CLI::App& app, Context& context);
void add_events(CLI::App& app, Context& context);
void add_findings(CLI::App& app, Context& context);
void add_indicators(CLI::App& app, Context& context);
void add_indicator(CLI::App& app, Context& context);
void add_hosts(CLI::App& app, Context& context);
void add_rederive(CLI::App& app, Context& context);
void add_account(CLI::App& app, Context& context);
void add_login_link(CLI::App& app, Context& context);
void add_api_key(CLI::App& app, Context& context);
void add_rules(CLI::App& app, Context& context);
void add_status(CLI::App& app, Context& context);
void add_demo(CLI::App& app, Context& context);

// The running centre, over its unix socket.
class Api {
 public:
  static base::Result<Api> open(const Context& context);
  base::Result<boost::json::value> get(const std::string& path, const std::map<std::string, std::string>& query = {});
  base::Result<boost::json::value> post(const std::string& path, const boost::json::object& body = {});

 private:
  explicit Api(std::unique_ptr<net::Client> client) : client_(std::move(client)) {}
  base::Result<boost::json::value> send(const net::Request& request);
  std::unique_ptr<net::Client> client_;
};

// The text at "a.b" of an object, or "" (numbers in decimal).
std::string field(const boost::json::value& object, std::string_view path);
// The items of an answer's array of that name; malformed if there is none.
base::Result<boost::json::array> items_of(const boost::json::value& answer, std::string_view name);

// Asks page after page, and prints each item as JSON or as `row` writes it, until `limit` (0: all).
struct List {
  std::string path;                          // of the API
  std::string name;                          // of the array in its answers
  std::map<std::string, std::string> query;  // empty values are not sent
  std::uint64_t limit = 100;
  std::function<std::string(const boost::json::value&)> row;
};
base::Status print_list(const Context& context, const List& list);

// Filters that several verbs take.
struct Filters {
  std::string organisation, host, since, until;
  std::uint64_t limit = 100;
  void add_to(CLI::App& verb, bool times);
  [[nodiscard]] std::map<std::string, std::string> query() const;
};

}  // namespace hinomi::centre
