#include <verbs/verb.hpp>

#include <chrono>
#include <thread>

namespace hinomi::centre {

void add_rederive(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "rederive", "rederive");
  verb->callback([&context] {
    context.todo = [&context]() -> base::Status {
      Api api = TRY(Api::open(context));
      const auto started = TRY(api.post("/api/v1/rederive"));
      const std::string job = field(started, "job");
      boost::json::value state;
      do {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        state = TRY(api.get("/api/v1/rederive/" + job));
      } while (field(state, "state") == "running");
      if (field(state, "state") != "done") return base::fail(base::Errc::unavailable, field(state, "first_difference"));
      const std::string verdict = field(state, "verdict");
      if (context.json) print(boost::json::serialize(state));
      else
        print(text("centre.rederived", {{"verdict", verdict},
                                        {"events", field(state, "compared.events")},
                                        {"findings", field(state, "compared.findings")},
                                        {"indicators", field(state, "compared.indicators")}}));
      if (!context.json && verdict != "MATCH") print(field(state, "first_difference"));
      context.exit_code = verdict == "MATCH" ? 0 : 1;
      return {};
    };
  });
}

}  // namespace hinomi::centre
