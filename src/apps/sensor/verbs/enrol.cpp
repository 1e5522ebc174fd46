// hinomi-sensor enrol: makes this machine known to the centre that a one-time token names. The keys are made here and stay
// here; both prove themselves to the centre.
#include "verbs.hpp"

#include "facts.hpp"
#include "notes.hpp"

#include <hinomi/consent/ledger.hpp>
#include <hinomi/link/enrolment.hpp>
#include <hinomi/net/client.hpp>

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace hinomi::sensor {
namespace {

using base::Errc;
using base::fail;
using base::Result;
using base::Status;

constexpr std::size_t kMaxToken = 4096;

Result<std::string> read_token(const std::string& file) {
  if (!file.empty()) {
    struct stat info{};
    if (::stat(file.c_str(), &info) == 0 && (info.st_mode & 077) != 0)
      return fail(Errc::forbidden, fmt::format("{} may be read by others than its owner: chmod 600 it", file));
    return base::read_file(file, kMaxToken);
  }
  std::string out;
  std::array<char, 1024> buffer{};
  while (out.size() < kMaxToken) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(base::error_from_errno(errno, "reading the token"));
    if (got == 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(got));
    if (out.find('\n') != std::string::npos) break;
  }
  if (out.empty()) return fail(Errc::invalid_argument, "no token on standard input: give one there or by --token-file");
  return out;
}

Status give_to(const base::fs::path& folder, const Account& account) {
  const auto give = [&](const base::fs::path& path) -> Status {
    if (::lchown(path.c_str(), account.user, account.group) != 0)
      return fail(base::error_from_errno(errno, "handing over " + path.string()));
    return {};
  };
  TRY_VOID(give(folder));
  std::error_code error;
  for (const auto& entry : base::fs::recursive_directory_iterator(folder, error)) TRY_VOID(give(entry.path()));
  return {};
}

// A machine that is enrolled anew gets a new identity, so its ledger begins anew; the old one stays for its owner to read.
Status set_aside(const Files& files) {
  std::error_code error;
  if (base::fs::exists(files.ledger() / "checkpoint", error)) {
    base::fs::path aside;
    for (int i = 1; aside.empty() || base::fs::exists(aside, error); ++i)
      aside = files.data() / fmt::format("ledger.before-{}", i);
    base::fs::rename(files.ledger(), aside, error);
    if (error) return fail(Errc::io, fmt::format("setting the old ledger aside: {}", error.message()));
  }
  base::fs::remove(files.manifest(), error);
  base::fs::remove(files.link() / "acknowledged", error);
  base::fs::remove(files.inbox() / kReceiptName, error);
  return {};
}

}  // namespace

Result<int> enrol(const Context& context, const EnrolArguments& arguments) {
  const Config& config = context.config;
  const Files files(config.data);
  const link::LinkFolder folder(files.link());
  if (folder.load().has_value() && !arguments.again)
    return fail(Errc::already_exists,
                "this machine is enrolled; --again gives it a new identity and sets its ledger aside");
  const std::string token_text = TRY(read_token(arguments.token_file));
  const access::EnrolmentToken token = TRY(access::EnrolmentToken::parse(token_text));

  std::optional<Account> account;
  if (::geteuid() == 0 && !config.user.empty()) account = TRY(find_account(config.user));
  TRY_VOID(prepare_folders(files, account));
  if (arguments.again) {
    TRY_VOID(set_aside(files));
    TRY_VOID(prepare_folders(files, account));
  }

  base::SystemRandom random;
  const link::LinkKey link_key = link::LinkKey::generate();
  const proof::SigningKey ledger_key = TRY(consent::open_ledger_key(files.ledger_key(), "ledger", random));
  const std::string request = link_key.request_pem();
  link::EnrolmentOrder order{.token = token,
                             .url = config.centre.empty() ? token.url : config.centre,
                             .proxy = std::nullopt,
                             .request_pem = request,
                             .link_key = link_key.digest(),
                             .ledger_vkey = ledger_key.verifier().text(),
                             .ledger_signature = ledger_key.sign(link::ledger_proof_message(token.secret, request)),
                             .host_name = host_name(),
                             .machine_id = machine_id()};
  if (!config.proxy.empty()) {
    order.proxy = net::Proxy{.url = config.proxy, .credentials = ""};
    if (!config.proxy_credentials.empty())
      order.proxy->credentials = TRY(net::read_proxy_credentials(config.proxy_credentials.string()));
  }
  const link::Enrolled enrolled = TRY(link::enrol(order));

  // The owner's key: what it signs is obeyed here. It may move to a safer place as soon as a manifest is signed.
  const proof::SigningKey owner =
      TRY(consent::open_ledger_key(files.owner_key(), "owner@" + enrolled.enrolment.organisation.text(), random));
  TRY_VOID(consent::open_hash_key(files.hash_key(), random));
  const consent::Trust trust{.organisation = enrolled.enrolment.organisation,
                             .system = enrolled.enrolment.system,
                             .sensor = enrolled.enrolment.sensor,
                             .centre = enrolled.enrolment.centre,
                             .manifest_keys = {owner.verifier()},
                             .evidence_key = TRY(proof::VerifierKey::parse(enrolled.enrolment.evidence_vkey))};
  if (trust.ledger_origin() != enrolled.enrolment.ledger_origin ||
      trust.evidence_origin() != enrolled.enrolment.evidence_origin)
    return fail(Errc::forbidden, "the centre names its logs otherwise than this version expects");
  TRY_VOID(base::write_file(files.ledger_verifier(), ledger_key.verifier().text() + "\n"));
  TRY_VOID(base::write_file(files.trust(), consent::to_yaml(trust)));
  TRY_VOID(folder.save(enrolled, link_key));
  if (account) TRY_VOID(give_to(files.link(), *account));
  fmt::print("{}\n", context.texts.text("sensor.enrol.done", {{"organisation", trust.organisation.text()},
                                                              {"system", trust.system.text()},
                                                              {"sensor", trust.sensor.text()},
                                                              {"centre", trust.centre},
                                                              {"url", enrolled.enrolment.url}}));
  if (!base::fs::exists(files.manifest()))
    fmt::print("{}\n", context.texts.text("sensor.enrol.next", {{"key", files.owner_key().string()}}));
  return 0;
}

}  // namespace hinomi::sensor
