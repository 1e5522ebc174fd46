// hinomi log checkpoint | prove | verify. `verify` needs no running centre: it reads files alone.
#include <audit.hpp>
#include <verbs/verb.hpp>

#include <fmt/core.h>

namespace hinomi::centre {
namespace {

namespace json = boost::json;

base::Status print_checkpoint(const Context& context, const std::string& organisation) {
  Api api = TRY(Api::open(context));
  const auto answer = TRY(api.get("/api/v1/logs/" + organisation + "/checkpoint"));
  print(context.json ? json::serialize(answer) : field(answer, "checkpoint"));
  return {};
}

base::Status prove(const Context& context, const std::string& organisation, std::uint64_t index) {
  Api api = TRY(Api::open(context));
  const auto answer = TRY(api.get(fmt::format("/api/v1/logs/{}/entries/{}", organisation, index)));
  const base::Bytes leaf = TRY(base::from_base64(field(answer, "leaf")));
  const auto key = TRY(proof::VerifierKey::parse(field(answer, "vkey")));
  const proof::Checkpoint checkpoint =
      TRY(proof::open_checkpoint(field(answer, "checkpoint"), key, field(answer, "origin")));
  std::vector<proof::Hash> path;
  for (const json::value& one : TRY(items_of(answer, "path"))) {
    if (!one.is_string()) return base::fail(base::Errc::malformed, "the centre's answer holds a path that is none");
    const base::Bytes bytes = TRY(base::from_base64(one.get_string()));
    path.push_back(TRY(base::Digest::from_bytes(bytes)));
  }
  TRY_VOID(proof::verify_inclusion(proof::leaf_hash(leaf), index, checkpoint.size, path, checkpoint.root));
  if (context.json) {
    print(json::serialize(answer));
    return {};
  }
  print(text("log.proven", {{"index", std::to_string(index)},
                            {"kind", field(answer, "entry.kind")},
                            {"received", field(answer, "entry.received")},
                            {"digest", field(answer, "entry.payload_digest")}}));
  print(field(answer, "checkpoint"));
  return {};
}

base::Status verify(const Context& context, const std::string& organisation) {
  const Config config = TRY(context.load());
  Auditor auditor = TRY(Auditor::open(config));
  bool any = false;
  for (const model::OrganisationId& each : TRY(auditor.organisations())) {
    const LogAudit audit = TRY(auditor.verify(each));  // the centre's own comes first, and is needed for the others
    if (!organisation.empty() && each.text() != organisation) continue;
    any = true;
    if (context.json) {
      print(json::serialize(json::object{{"organisation", each.text()},
                                         {"entries", audit.tiles.entries},
                                         {"payloads", audit.tiles.payloads},
                                         {"batches", audit.batches},
                                         {"events", audit.events},
                                         {"receipts", audit.receipts},
                                         {"acts", audit.acts},
                                         {"sensors", audit.sensors},
                                         {"checkpoint", audit.tiles.checkpoint.note}}));
      continue;
    }
    print(text("log.verified", {{"organisation", each.text()},
                                {"entries", std::to_string(audit.tiles.entries)},
                                {"batches", std::to_string(audit.batches)},
                                {"events", std::to_string(audit.events)},
                                {"receipts", std::to_string(audit.receipts)},
                                {"acts", std::to_string(audit.acts)},
                                {"sensors", std::to_string(audit.sensors)}}));
    print(audit.tiles.checkpoint.note);
  }
  if (!any) return base::fail(base::Errc::not_found, fmt::format("there is no log of '{}'", organisation));
  return {};
}

}  // namespace

void add_log(CLI::App& app, Context& context) {
  CLI::App* verb = add_verb(app, "log", "log");
  verb->require_subcommand(1);
  struct Given {
    std::string organisation;
    std::uint64_t index = 0;
  };
  const auto given = std::make_shared<Given>();
  CLI::App* checkpoint = add_verb(*verb, "checkpoint", "log_checkpoint");
  checkpoint->add_option("ORGANISATION", given->organisation, text("option.organisation"))->required();
  checkpoint->callback([&context, given] {
    context.todo = [&context, given] { return print_checkpoint(context, given->organisation); };
  });
  CLI::App* one = add_verb(*verb, "prove", "log_prove");
  one->add_option("ORGANISATION", given->organisation, text("option.organisation"))->required();
  one->add_option("INDEX", given->index, text("option.index"))->required();
  one->callback([&context, given] {
    context.todo = [&context, given] { return prove(context, given->organisation, given->index); };
  });
  CLI::App* all = add_verb(*verb, "verify", "log_verify");
  all->add_option("ORGANISATION", given->organisation, text("option.organisation"));
  all->callback(
      [&context, given] { context.todo = [&context, given] { return verify(context, given->organisation); }; });
}

}  // namespace hinomi::centre
