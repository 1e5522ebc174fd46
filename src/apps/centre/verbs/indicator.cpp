#include <verbs/verb.hpp>

namespace hinomi::centre {

void add_indicator(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "indicator", "indicator");
  verb->require_subcommand(1);
  CLI::App* publish = add_verb(*verb, "publish", "indicator_publish");
  const auto id = std::make_shared<std::string>();
  publish->add_option("ID", *id, text("option.indicator"))->required();
  publish->callback([&context, id] {
    context.todo = [&context, id]() -> base::Status {
      const auto known = TRY(model::IndicatorId::parse(*id));
      Api api = TRY(Api::open(context));
      const auto answer = TRY(api.post("/api/v1/indicators/" + known.text() + "/publish"));
      print(context.json ? boost::json::serialize(answer) : text("centre.published", {{"id", known.text()}}));
      return {};
    };
  });
}

}  // namespace hinomi::centre
