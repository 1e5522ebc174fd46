#include <verbs/verb.hpp>

namespace hinomi::centre {

void add_api_key(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "api-key", "api_key");
  const auto account = std::make_shared<std::string>();
  verb->add_option("ACCOUNT", *account, text("option.account"))->required();
  verb->callback([&context, account] {
    context.todo = [&context, account]() -> base::Status {
      Api api = TRY(Api::open(context));
      const auto answer = TRY(api.post("/api/v1/api-keys", {{"account", *account}}));
      print(context.json ? boost::json::serialize(answer) : field(answer, "key"));
      return {};
    };
  });
}

}  // namespace hinomi::centre
