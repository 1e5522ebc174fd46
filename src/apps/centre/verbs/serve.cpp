#include <corridor.hpp>
#include <verbs/verb.hpp>

namespace hinomi::centre {

void add_serve(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "serve", "serve");
  struct Given {
    bool check = false;
    bool print_login = false;
  };
  const auto given = std::make_shared<Given>();
  verb->add_flag("--check", given->check, text("option.check"));
  verb->add_flag("--print-login", given->print_login, text("option.print_login"));
  verb->callback([&context, given] {
    context.todo = [&context, given]() -> base::Status {
      const Config config = TRY(context.load());
      return given->check ? check(config) : serve(config, {.print_login = given->print_login});
    };
  });
}

}  // namespace hinomi::centre
