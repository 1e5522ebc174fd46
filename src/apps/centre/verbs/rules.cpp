#include <verbs/verb.hpp>

#include <fmt/core.h>

namespace hinomi::centre {

void add_rules(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "rules", "rules");
  verb->callback([&context] {
    context.todo = [&context]() -> base::Status {
      Api api = TRY(Api::open(context));
      const auto answer = TRY(api.get("/api/v1/rules"));
      for (const auto& rule : TRY(items_of(answer, "rules"))) {
        const std::string error = field(rule, "error");
        if (context.json) print(boost::json::serialize(rule));
        else
          print(error.empty()
                    ? fmt::format("{:13}  {}  {}", field(rule, "level"), field(rule, "id"), field(rule, "title"))
                    : error);
      }
      return {};
    };
  });
}

}  // namespace hinomi::centre
