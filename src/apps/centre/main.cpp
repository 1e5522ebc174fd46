// hinomi: the centre and its verbs.
#include <services.hpp>
#include <verbs/verb.hpp>

#include <fmt/core.h>

int main(int argc, char** argv) {
  using namespace hinomi;
  centre::Context context;
  CLI::App app(centre::text("help.hinomi"), "hinomi");
  app.set_version_flag("--version", std::string(centre::kVersion));
  app.require_subcommand(1);
  app.add_option("--config", context.config, centre::text("option.config"));
  app.add_flag("--json", context.json, centre::text("option.json"));
  for (const auto& add :
       {centre::add_serve, centre::add_status, centre::add_events, centre::add_findings, centre::add_indicators,
        centre::add_indicator, centre::add_hosts, centre::add_rules, centre::add_enrol_token, centre::add_account,
        centre::add_login_link, centre::add_api_key, centre::add_log, centre::add_rederive, centre::add_demo})
    add(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : base::exit_code_of(base::Errc::invalid_argument);
  }
  base::Status status;
  try {
    status = context.todo();
  } catch (const std::exception& error) {
    status = base::fail(base::Errc::internal, error.what());
  }
  if (status) return context.exit_code;
  fmt::print(stderr, "hinomi: {}\n", status.error().what);
  return base::exit_code_of(status.error().code);
}
