#include <verbs/verb.hpp>

#include <fmt/core.h>

namespace hinomi::centre {

namespace {

std::string row(const boost::json::value& indicator) {
  return fmt::format("{}  {:9}  {:11}  {}", field(indicator, "id"), field(indicator, "state"), field(indicator, "type"),
                     field(indicator, "value"));
}

}  // namespace

void add_indicators(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "indicators", "indicators");
  struct Given {
    Filters filters;
    std::string state, type;
  };
  const auto given = std::make_shared<Given>();
  given->filters.add_to(*verb, false);
  verb->add_option("--state", given->state, text("option.state"));
  verb->add_option("--type", given->type, text("option.type"));
  verb->callback([&context, given] {
    context.todo = [&context, given] {
      auto query = given->filters.query();
      query["state"] = given->state;
      query["type"] = given->type;
      return print_list(context, {.path = "/api/v1/indicators",
                                  .name = "indicators",
                                  .query = std::move(query),
                                  .limit = given->filters.limit,
                                  .row = row});
    };
  });
}

}  // namespace hinomi::centre
