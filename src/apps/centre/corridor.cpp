// The centre, top to bottom: each paragraph makes one room from those above it. It ends in the reverse order.
//
//   link door ─► evidence (append, sync, receipt) ─► line (detect, judge) ─► store ─► console, TAXII
#include <corridor.hpp>

#include <keys.hpp>
#include <say.hpp>
#include <services.hpp>
#include <sink.hpp>

#include <hinomi/console/console.hpp>
#include <hinomi/console/over_rooms.hpp>
#include <hinomi/net/server.hpp>
#include <hinomi/publish/key_door.hpp>
#include <hinomi/publish/shelf.hpp>
#include <hinomi/publish/taxii.hpp>

#include <fmt/core.h>

#include <unistd.h>
#include <csignal>

namespace hinomi::centre {
base::Status serve(const Config& config, const ServeOptions& options) {
  // Signals are taken by this thread alone, when everything runs.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  const base::SystemClock clock;
  base::SystemRandom random;

  // What this centre is: one folder, one process, its keys.
  TRY_VOID(base::make_folder(config.data));
  const base::Descriptor lock = TRY(base::lock_file(config.data / "lock"));
  const auto signing_key = TRY(open_signing_key(config.data / "keys", config.name, random));
  const auto authority =
      TRY(access::CertificateAuthority::open_or_create(config.data / "ca", config.name, clock.now()));
  const auto certificate =
      TRY(open_server_certificate(config.data / "keys", *authority, config.server_names, clock.now()));

  // What was ever recorded, and who may do what by it.
  const auto evidence = TRY(evidence::Evidence::open(config.data / "logs", signing_key, clock, config.name));
  access::Access access;
  Acts acts(*evidence, access, clock);
  Sink sink(*evidence);
  link::Door door({.centre = config.name, .manifest_note = {}}, access, *authority, sink, sink, clock, random);
  std::map<std::string, std::map<std::uint64_t, Ruling>> rulings;  // by log and entry
  TRY_VOID(acts.replay([&](const evidence::EvidenceLog& log, const evidence::Entry& entry) -> base::Status {
    if (entry.leaf.kind == evidence::EntryKind::receipt && entry.leaf.sensor)
      return door.restore_receipt(*entry.leaf.sensor, entry.payload, entry.index);
    const access::Act act = TRY(access::decode_act(entry.payload));
    if (act.kind == kRulesAct) rulings[log.origin()][entry.index] = TRY(Ruling::parse(act));
    return door.restore_act(act);
  }));
  for (const model::OrganisationId& organisation : config.organisations) {
    TRY_VOID(evidence->create(organisation));
    if (!access.has_organisation(organisation))
      TRY_VOID(acts.perform_for_centre(access::organisation_act("centre", organisation)));
  }

  // The rules in force: in every log before they say anything.
  const Ruling ruling = TRY(read_ruling(config.rules, config.name));
  Plans plans;
  const auto plan = plans.plan(ruling);
  for (const detect::RuleError& error : plan->errors()) say(text("centre.rule_not_loaded", {{"error", error.text()}}));
  for (const evidence::EvidenceLog* log : evidence->logs()) {
    if (log == &evidence->centre()) continue;
    auto& known = rulings[log->origin()];
    if (!known.empty() && known.rbegin()->second.says_the_same_as(ruling)) continue;
    Ruling own = ruling;
    own.naming = known.empty() ? base::to_hex(random.bytes(32)) : known.rbegin()->second.naming;
    const auto entry = TRY(acts.perform(log->organisation(), own.act()));
    known[entry.first.index] = std::move(own);
  }

  // What follows from the evidence: tables, and what is published.
  const auto store = TRY(store::Store::open(
      config.data / "store", {.memory_mebibytes = config.store_memory_mebibytes, .threads = config.store_threads}));
  if (!store->notice().empty()) say(store->notice());
  const auto blinding_key = TRY(open_secret(config.data / "keys", "blinding.key", 32, random));
  TRY_VOID(base::make_folder(config.data / "publication"));
  const auto shelf =
      TRY(publish::Shelf::open(config.data / "publication" / "objects.ndjson", config.name, blinding_key));
  std::map<model::OrganisationId, std::unique_ptr<Line>> lines;
  for (evidence::EvidenceLog* log : evidence->logs()) {
    if (log == &evidence->centre()) continue;
    LineOptions line{.say = say, .published = [&](const model::Indicator& one) { return shelve(*shelf, *store, one); }};
    auto& made = lines[log->organisation()] = std::make_unique<Line>(*log, *store, access, plans, std::move(line));
    TRY_VOID(made->start(rulings[log->origin()]));
  }

  // Who may ask, and what is answered.
  Rederive rederive(*evidence, *store, access, plans, config.data / "scratch", random);
  const auto line_of = [&](const model::OrganisationId& organisation) -> Line* {
    const auto there = lines.find(organisation);
    return there == lines.end() ? nullptr : there->second.get();
  };
  console::AccessGate gate(access, evidence->centre(), clock);
  const console::EvidenceLogs logs(*evidence);
  Operations operations({config, acts, access, *authority, *store, *plan, rederive, line_of, clock, random});
  const bool has_pages = base::fs::is_directory(config.web);
  if (!has_pages) say(text("centre.no_pages", {{"folder", config.web.string()}}));
  const auto console = TRY(console::Console::create(
      {.web = has_pages ? config.web : base::fs::path(), .hosts = config.console_hosts(), .own_user = geteuid()},
      {*store, logs, gate, operations, clock, random}));
  const auto next_key = TRY(open_secret(config.data / "keys", "taxii.key", 32, random));
  const publish::KeyDoor keys(access);
  const publish::Taxii taxii(*shelf, keys, {.producer = config.name, .next_key = next_key});
  const net::Handler people = [&](const net::Request& request) {
    return publish::Taxii::is_taxii(request.path) ? taxii.answer(request) : console->handle(request);
  };

  // The three doors: sensors, people, and who is on this machine.
  const auto link_door =
      TRY(net::Server::start({.address = config.link_address,
                              .tls = net::ServerTls{certificate.chain_pem, certificate.key_pem,
                                                    net::ClientCertificates::optional, authority->certificate_pem()},
                              .workers = 32},
                             [&](const net::Request& request) { return door.handle(request); }));
  const auto console_door = TRY(net::Server::start(
      {.address = config.console_address,
       .tls = net::ServerTls{certificate.chain_pem, certificate.key_pem, net::ClientCertificates::none, {}}},
      people));
  const auto own_door = TRY(net::Server::start({.address = "unix:" + config.socket().string()}, people));
  if (!access.has_account() && (options.print_login || isatty(STDOUT_FILENO) != 0)) {
    const std::string url = TRY(operations.first_login());
    print(text("centre.first_login", {{"url", url}}));
  }
  say(text("centre.started", {{"name", config.name}, {"console", config.console_url}, {"link", config.link_url}}));

  int received = 0;
  sigwait(&signals, &received);

  // In reverse: nobody asks any more, what was accepted is written, and every destructor joins what it started.
  say(text("centre.stopping"));
  own_door->stop();
  console_door->stop();
  link_door->stop();
  for (auto& [organisation, line] : lines) line->stop();
  evidence->close();
  return {};
}

}  // namespace hinomi::centre
