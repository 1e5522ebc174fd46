// hinomi-sensor: the endpoint owner's command line, and the uplink.
#include "facts.hpp"
#include "verbs/verbs.hpp"

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <functional>

namespace {

using namespace hinomi;
using namespace hinomi::sensor;

using Verb = std::function<base::Result<int>(const Context&)>;

}  // namespace

int main(int argc, char** argv) {
  const base::Messages& texts = base::Messages::built_in(base::language_from_environment());
  const auto text = [&](std::string_view key) { return texts.text(key); };
  CLI::App app{text("sensor.help.program")};
  app.set_version_flag("--version", std::string("hinomi-sensor ") + std::string(kVersion));
  app.fallthrough();
  app.require_subcommand(0, 1);
  std::string config_file;
  bool json = false;
  bool check = false;
  bool defaults = false;
  app.add_option("--config", config_file, text("sensor.help.config"));
  app.add_flag("--json", json, text("sensor.help.json"));
  app.add_flag("--check", check, text("sensor.help.check"));

  app.add_flag("--defaults", defaults, text("sensor.help.defaults"));

  Verb verb;
  const auto add = [&](CLI::App& parent, const char* name, const char* key) {
    CLI::App* made = parent.add_subcommand(name, text(key));
    made->fallthrough();
    made->footer(text(std::string(key) + "_examples"));
    return made;
  };

  EnrolArguments enrol_arguments;
  CLI::App* enrol_verb = add(app, "enrol", "sensor.help.enrol");
  enrol_verb->add_option("--token-file", enrol_arguments.token_file, text("sensor.help.enrol_token"));
  enrol_verb->add_flag("--again", enrol_arguments.again, text("sensor.help.enrol_again"));
  enrol_verb->callback([&] { verb = [&](const Context& context) { return enrol(context, enrol_arguments); }; });

  add(app, "run", "sensor.help.run")->callback([&] { verb = run_uplink; });
  add(app, "status", "sensor.help.status")->callback([&] { verb = show_status; });

  std::string check_file;
  SignArguments sign_arguments;
  CLI::App* manifest_verb = add(app, "manifest", "sensor.help.manifest");
  manifest_verb->require_subcommand(0, 1);
  manifest_verb->add_option("--check", check_file, text("sensor.help.manifest_check"));
  manifest_verb->callback([&] {
    if (verb) return;
    if (check_file.empty()) verb = show_manifest;
    else verb = [&](const Context& context) { return check_manifest(context, check_file); };
  });
  CLI::App* sign_verb = add(*manifest_verb, "sign", "sensor.help.sign");
  sign_verb->add_option("file", sign_arguments.file, text("sensor.help.sign_file"))->required();
  sign_verb->add_option("--key", sign_arguments.key_file, text("sensor.help.sign_key"));
  sign_verb->add_option("--out", sign_arguments.out, text("sensor.help.sign_out"));
  sign_verb->callback([&] { verb = [&](const Context& context) { return sign_manifest(context, sign_arguments); }; });

  ListArguments list_arguments;
  std::uint64_t index = 0;
  CLI::App* ledger_verb = add(app, "ledger", "sensor.help.ledger");
  ledger_verb->require_subcommand(0, 1);
  const Verb list = [&](const Context& context) { return list_ledger(context, list_arguments); };
  ledger_verb->callback([&] {
    if (!verb) verb = list;
  });
  CLI::App* list_verb = add(*ledger_verb, "list", "sensor.help.ledger_list");
  list_verb->add_option("--last", list_arguments.last, text("sensor.help.ledger_last"));
  list_verb->callback([&] { verb = list; });
  CLI::App* show_verb = add(*ledger_verb, "show", "sensor.help.ledger_show");
  show_verb->add_option("index", index, text("sensor.help.ledger_index"))->required();
  show_verb->callback([&] { verb = [&](const Context& context) { return show_leaf(context, index); }; });
  CLI::App* open_verb = add(*ledger_verb, "open", "sensor.help.ledger_open");
  open_verb->add_option("index", index, text("sensor.help.ledger_index"))->required();
  open_verb->callback([&] { verb = [&](const Context& context) { return open_leaf(context, index); }; });
  add(*ledger_verb, "verify", "sensor.help.ledger_verify")->callback([&] { verb = verify_ledger_files; });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : base::exit_code_of(base::Errc::invalid_argument);
  }
  const auto fail = [](const base::Error& error) {
    fmt::print(stderr, "hinomi-sensor: {}\n", error.what);
    return base::exit_code_of(error.code);
  };
  if (defaults) {
    fmt::print("{}", documented_defaults());
    return 0;
  }
  auto config = Config::find(config_file);
  if (!config) return fail(config.error());
  if (check) {
    fmt::print("{}\n", texts.text("sensor.config.good", {{"file", config->file.string()}}));
    return 0;
  }
  if (!verb) {
    fmt::print("{}", app.help());
    return base::exit_code_of(base::Errc::invalid_argument);
  }
  const auto done = verb(Context{.config = std::move(*config), .texts = texts, .json = json});
  return done ? *done : fail(done.error());
}
