#include <verbs/verb.hpp>

namespace hinomi::centre {

void add_login_link(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "login-link", "login_link");
  const auto account = std::make_shared<std::string>();
  verb->add_option("ACCOUNT", *account, text("option.login_account"));
  verb->callback([&context, account] {
    context.todo = [&context, account]() -> base::Status {
      Api api = TRY(Api::open(context));
      if (account->empty()) {
        // The centre's first analyst; an account that is there already stays as it is.
        *account = "admin";
        (void)api.post("/api/v1/accounts", {{"name", *account}, {"role", "analyst"}, {"organisation", nullptr}});
      }
      const auto answer = TRY(api.post("/api/v1/login-links", {{"account", *account}}));
      print(context.json ? boost::json::serialize(answer) : field(answer, "url"));
      return {};
    };
  });
}

}  // namespace hinomi::centre
