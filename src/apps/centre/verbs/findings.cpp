#include <verbs/verb.hpp>

#include <fmt/core.h>

namespace hinomi::centre {

namespace {

std::string row(const boost::json::value& finding) {
  return fmt::format("{}  {:13}  {:16}  {}  {}", field(finding, "source_time"), field(finding, "rule.level"),
                     field(finding, "host_name"), field(finding, "id"), field(finding, "rule.title"));
}

}  // namespace

void add_findings(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "findings", "findings");
  struct Given {
    Filters filters;
    std::string level, rule;
  };
  const auto given = std::make_shared<Given>();
  given->filters.add_to(*verb, true);
  verb->add_option("--level", given->level, text("option.level"));
  verb->add_option("--rule", given->rule, text("option.rule"));
  verb->callback([&context, given] {
    context.todo = [&context, given] {
      auto query = given->filters.query();
      query["level"] = given->level;
      query["rule"] = given->rule;
      return print_list(context, {.path = "/api/v1/findings",
                                  .name = "findings",
                                  .query = std::move(query),
                                  .limit = given->filters.limit,
                                  .row = row});
    };
  });
}

}  // namespace hinomi::centre
