#include <verbs/verb.hpp>

#include <fmt/core.h>

namespace hinomi::centre {

namespace {

std::string row(const boost::json::value& event) {
  std::string what = field(event, "fields.process_arguments");
  if (what.empty()) what = field(event, "fields.process_executable");
  if (const std::string to = field(event, "fields.destination_address"); !to.empty())
    what = fmt::format("{} -> {}:{}", what, to, field(event, "fields.destination_port"));
  return fmt::format("{}  {:16}  {:16}  {}", field(event, "source_time"), field(event, "host_name"),
                     field(event, "kind"), what);
}

}  // namespace

void add_events(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "events", "events");
  struct Given {
    Filters filters;
    std::string kind, process, contains;
  };
  const auto given = std::make_shared<Given>();
  given->filters.add_to(*verb, true);
  verb->add_option("--kind", given->kind, text("option.kind"));
  verb->add_option("--process", given->process, text("option.process"));
  verb->add_option("--text", given->contains, text("option.text"));
  verb->callback([&context, given] {
    context.todo = [&context, given] {
      auto query = given->filters.query();
      query["kind"] = given->kind;
      query["process_guid"] = given->process;
      query["text"] = given->contains;
      return print_list(context, {.path = "/api/v1/events",
                                  .name = "events",
                                  .query = std::move(query),
                                  .limit = given->filters.limit,
                                  .row = row});
    };
  });
}

}  // namespace hinomi::centre
