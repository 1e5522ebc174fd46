#include <verbs/verb.hpp>

#include <fmt/core.h>

namespace hinomi::centre {

void add_hosts(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "hosts", "hosts");
  const auto organisation = std::make_shared<std::string>();
  verb->add_option("--organisation", *organisation, text("option.organisation"));
  verb->callback([&context, organisation] {
    context.todo = [&context, organisation]() -> base::Status {
      Api api = TRY(Api::open(context));
      const auto answer = TRY(api.get("/api/v1/hosts", {{"organisation", *organisation}}));
      for (const auto& host : TRY(items_of(answer, "hosts")))
        print(context.json ? boost::json::serialize(host)
                           : fmt::format("{:16}  {:12}  {:12}  {}  {:>10}  {:>6}  {:>6}", field(host, "host_name"),
                                         field(host, "organisation"), field(host, "system"), field(host, "last_seen"),
                                         field(host, "events"), field(host, "findings"), field(host, "lost")));
      return {};
    };
  });
}

}  // namespace hinomi::centre
