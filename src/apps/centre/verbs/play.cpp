#include <verbs/demo.hpp>
#include <verbs/verb.hpp>

namespace hinomi::centre {

void add_demo(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "demo", "demo");
  const auto wait = std::make_shared<unsigned>(30);
  verb->add_option("--wait", *wait, text("option.wait"))->capture_default_str()->check(CLI::Range(1U, 600U));
  verb->callback([&context, wait] {
    context.todo = [&context, wait]() -> base::Status {
      const Config config = TRY(context.load());
      context.exit_code =
          run_demo({.socket = config.socket(), .json = context.json, .wait = std::chrono::seconds(*wait)});
      return {};
    };
  });
}

}  // namespace hinomi::centre
