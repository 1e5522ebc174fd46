#include <verbs/verb.hpp>

namespace hinomi::centre {

void add_enrol_token(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "enrol-token", "enrol_token");
  struct Given {
    std::string organisation, system;
    unsigned uses = 1;
    std::uint64_t expires = 3600;
  };
  const auto given = std::make_shared<Given>();
  verb->add_option("ORGANISATION", given->organisation, text("option.organisation"))->required();
  verb->add_option("SYSTEM", given->system, text("option.system"))->required();
  verb->add_option("--uses", given->uses, text("option.uses"))->capture_default_str()->check(CLI::Range(1U, 100'000U));
  verb->add_option("--expires", given->expires, text("option.expires"))
      ->capture_default_str()
      ->transform(
          CLI::AsNumberWithUnit(std::map<std::string, std::uint64_t>{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}},
                                CLI::AsNumberWithUnit::CASE_SENSITIVE, "TIME"));
  verb->callback([&context, given] {
    context.todo = [&context, given]() -> base::Status {
      Api api = TRY(Api::open(context));
      const auto answer = TRY(api.post("/api/v1/tokens", {{"organisation", given->organisation},
                                                          {"system", given->system},
                                                          {"uses", given->uses},
                                                          {"expires_seconds", given->expires}}));
      print(context.json ? boost::json::serialize(answer) : field(answer, "token"));
      return {};
    };
  });
}

}  // namespace hinomi::centre
