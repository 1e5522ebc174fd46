#include <verbs/verb.hpp>

#include <fmt/core.h>

namespace hinomi::centre {

void add_status(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "status", "status");
  verb->callback([&context] {
    context.todo = [&context]() -> base::Status {
      Api api = TRY(Api::open(context));
      const auto status = TRY(api.get("/api/v1/status"));
      if (context.json) {
        print(boost::json::serialize(status));
        return {};
      }
      print(text("centre.status", {{"name", field(status, "name")},
                                   {"version", field(status, "version")},
                                   {"engine", field(status, "engine")},
                                   {"events", field(status, "counts.events")},
                                   {"rate", field(status, "events_per_second")},
                                   {"findings", field(status, "counts.findings")},
                                   {"indicators", field(status, "counts.indicators")},
                                   {"hosts", field(status, "counts.hosts")},
                                   {"loaded", field(status, "rules.loaded")},
                                   {"failed", field(status, "rules.failed")}}));
      for (const auto& log : TRY(items_of(status, "logs")))
        print(fmt::format("  {:40}  {:>12}", field(log, "origin"), field(log, "size")));
      return {};
    };
  });
}

}  // namespace hinomi::centre
