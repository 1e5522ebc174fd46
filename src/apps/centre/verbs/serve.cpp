#include <corridor.hpp>
#include <ruling.hpp>
#include <verbs/verb.hpp>

#include <fmt/core.h>

namespace hinomi::centre {
namespace {

// Reads everything that serve() would read, changes nothing.
base::Status check(const Config& config) {
  const Ruling ruling = TRY(read_ruling(config.rules, config.name));
  const detect::RuleSet rules = detect::load_rules(ruling.files);
  for (const std::string* address : {&config.link_address, &config.console_address})
    TRY_VOID(net::Address::parse(*address));
  for (const detect::RuleError& error : rules.errors) say(text("centre.rule_not_loaded", {{"error", error.text()}}));
  print(text("centre.checked", {{"file", config.file.string()}, {"rules", std::to_string(rules.rules.size())}}));
  if (!rules.errors.empty())
    return base::fail(base::Errc::malformed, fmt::format("{} rules do not load", rules.errors.size()));
  return {};
}

}  // namespace

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
