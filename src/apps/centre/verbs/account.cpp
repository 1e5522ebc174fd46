#include <verbs/verb.hpp>

namespace hinomi::centre {

void add_account(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "account", "account");
  verb->require_subcommand(1);
  CLI::App* add = add_verb(*verb, "add", "account_add");
  struct Given {
    std::string name, role, organisation;
  };
  const auto given = std::make_shared<Given>();
  add->add_option("NAME", given->name, text("option.account"))->required();
  add->add_option("ROLE", given->role, text("option.role"))
      ->required()
      ->check(CLI::IsMember({"analyst", "csirt", "subscriber"}));
  add->add_option("--organisation", given->organisation, text("option.organisation"));
  add->callback([&context, given] {
    context.todo = [&context, given]() -> base::Status {
      Api api = TRY(Api::open(context));
      boost::json::object body{{"name", given->name}, {"role", given->role}, {"organisation", nullptr}};
      if (!given->organisation.empty()) body["organisation"] = given->organisation;
      const auto answer = TRY(api.post("/api/v1/accounts", body));
      print(context.json ? boost::json::serialize(answer) : text("centre.account_added", {{"name", given->name}}));
      return {};
    };
  });
}

}  // namespace hinomi::centre
