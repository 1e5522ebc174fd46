// hinomi-sensor run: the way on, ledger → link → centre. It sees nothing but what stands in the ledger, believes nothing but
// what the centre proves, and tells the probe about receipts through inbox/. Rights go before the first byte is sent.
#include "verbs.hpp"

#include "facts.hpp"
#include "notes.hpp"

#include <hinomi/consent/ledger_reader.hpp>
#include <hinomi/consent/receipt.hpp>
#include <hinomi/link/uplink.hpp>
#include <hinomi/pipe/pipe.hpp>

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/json.hpp>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <thread>

namespace hinomi::sensor {
namespace {

namespace json = boost::json;
using base::Errc;
using base::fail;
using base::Result;
using base::Status;

constexpr int kStatusSeconds = 2;
constexpr auto kEnd = std::chrono::seconds(3);  // for an exchange under way, when asked to stop

// The ledger as the link wants to see it, and the way back to the probe.
class LedgerSource final : public link::BatchSource {
 public:
  LedgerSource(Files files, consent::Trust trust, proof::VerifierKey key, std::uint64_t acknowledged)
      : files_(std::move(files)), trust_(std::move(trust)), key_(std::move(key)), acknowledged_(acknowledged) {}

  Result<std::uint64_t> refresh() override {
    if (reader_ == nullptr) {
      auto opened = consent::LedgerReader::open(files_.ledger(), trust_.ledger_origin(), key_);
      if (!opened && opened.error().code == Errc::not_found) return std::uint64_t{0};  // the probe has not begun yet
      if (!opened) return fail(opened.error());
      reader_ = std::move(*opened);
    }
    return reader_->refresh();
  }
  Result<link::StoredBatch> read(std::uint64_t index) override {
    auto stored = TRY(reader_->next_at(index));
    if (!stored) return fail(Errc::not_found, fmt::format("the ledger has no leaf {}", index));
    return link::StoredBatch{std::move(stored->leaf), std::move(stored->salt), std::move(stored->frame)};
  }
  std::string checkpoint() override { return reader_ ? reader_->checkpoint().note : ""; }
  Result<std::vector<proof::Hash>> inclusion(std::uint64_t index, std::uint64_t size) override {
    return reader_->inclusion(index, size);
  }
  Result<std::vector<proof::Hash>> consistency(std::uint64_t old_size, std::uint64_t size) override {
    return reader_->consistency(old_size, size);
  }
  std::uint64_t acknowledged() override { return acknowledged_; }
  Status acknowledge(std::uint64_t index, const link::ReceiptAnswer& answer, const link::Receipt&) override {
    const consent::SealedReceipt receipt{
        .checkpoint = answer.checkpoint, .entry = answer.entry, .leaf = answer.leaf, .inclusion = answer.inclusion};
    TRY_VOID(
        base::write_file(files_.inbox() / kReceiptName, consent::to_text(receipt), base::Durability::renamed, 0640));
    acknowledged_ = std::max(acknowledged_, index + 1);
    return base::write_file(files_.link() / "acknowledged", fmt::format("{}\n", acknowledged_),
                            base::Durability::renamed, 0600);
  }

 private:
  const Files files_;
  const consent::Trust trust_;
  const proof::VerifierKey key_;
  std::uint64_t acknowledged_;
  std::unique_ptr<consent::LedgerReader> reader_;
};

std::uint64_t read_acknowledged(const Files& files) {
  const auto text = base::read_file(files.link() / "acknowledged", 64);
  std::uint64_t out = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), out);
  return out;  // zero is safe: the centre says how far it is
}

// Account, files, system calls: in this order, because each needs what the next takes away.
Result<std::vector<std::string>> confine(const Context& context, const Files& files) {
  std::vector<std::string> notices;
  const Config& config = context.config;
  if (::geteuid() == 0 && !config.user.empty()) {
    const Account account = TRY(find_account(config.user));
    TRY_VOID(switch_user(account));
  }
  const auto note = [&](std::string_view what, const Status& done) {
    if (done) return;
    notices.push_back(context.texts.text("sensor.run.less_confined", {{"what", what}, {"reason", done.error().what}}));
    fmt::print(stderr, "hinomi-sensor: {}\n", notices.back());
  };
  // /etc, /usr, /lib: certificates, name service and its libraries.
  Reach reach{.read = {files.data(), "/etc", "/usr", "/lib", "/lib64", "/run/systemd/resolve", "/proc", "/dev/urandom"},
              .write = {files.inbox(), files.link(), files.status(), "/dev/null"}};
  if (!config.proxy_credentials.empty()) reach.read.push_back(config.proxy_credentials);
  note("Landlock", confine_files(reach));
  note("seccomp", refuse_calls(Calls::uplink));
  return notices;
}

}  // namespace

Result<int> run_uplink(const Context& context) {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::umask(027);
  const Config& config = context.config;
  // From inside the folder, so that the uplink's account need not be able to walk there.
  if (::chdir(config.data.c_str()) != 0) return fail(base::error_from_errno(errno, "entering " + config.data.string()));
  const Files files(".");
  const consent::Trust trust = TRY(read_trust(files));
  const proof::VerifierKey ledger_key = TRY(read_ledger_verifier(files));
  std::optional<net::Proxy> proxy;
  if (!config.proxy.empty()) {
    proxy = net::Proxy{.url = config.proxy, .credentials = ""};
    if (!config.proxy_credentials.empty())
      proxy->credentials = TRY(net::read_proxy_credentials(config.proxy_credentials.string()));
  }
  std::uint64_t bandwidth = 0;
  if (const auto manifest = read_manifest(files, trust)) bandwidth = (*manifest)->limits().bandwidth_bytes_per_second;
  const std::vector<std::string> notices = TRY(confine(context, files));

  const base::SystemClock clock;
  base::SystemRandom random;
  LedgerSource source(files, trust, ledger_key, read_acknowledged(files));
  link::UplinkOptions options;
  options.idle = std::chrono::milliseconds(config.flush_milliseconds);
  options.connect = link::connect_over(proxy);
  const auto uplink =
      TRY(link::Uplink::create(std::move(options), link::LinkFolder(files.link()), source, clock, random));

  const std::string started = clock.now().rfc3339(3);
  const auto write_status = [&](std::string_view state) {
    boost::system::error_code error;
    json::value link = json::parse(link::to_json(uplink->status()), error);
    json::array list;
    for (const std::string& notice : notices) list.emplace_back(notice);
    const json::object out{{"state", state},
                           {"time", clock.now().rfc3339(3)},
                           {"started", started},
                           {"pid", ::getpid()},
                           {"version", kVersion},
                           {"notices", std::move(list)},
                           {"link", error ? json::value(nullptr) : std::move(link)}};
    (void)base::write_file(files.uplink_status(), json::serialize(out) + "\n", base::Durability::renamed, 0644);
  };

  pipe::Pipe<int> stop(1, pipe::WhenFull::block);   // closed when asked to stop
  pipe::Pipe<int> ended(1, pipe::WhenFull::block);  // closed when the sender has come to its end
  std::thread sender([&] {
    while (!stop.at_end()) {
      const std::uint64_t before = uplink->status().sent_bytes;
      std::chrono::milliseconds wait = uplink->step();
      const std::uint64_t sent = uplink->status().sent_bytes - before;
      if (bandwidth > 0 && sent > 0) wait = std::max(wait, std::chrono::milliseconds(sent * 1000 / bandwidth));
      if (wait.count() > 0) stop.pop_for(1, wait);
    }
    ended.close();
  });
  fmt::print(stderr, "hinomi-sensor: sending for {}\n", trust.organisation.text());
  write_status("running");
  timespec every{.tv_sec = kStatusSeconds, .tv_nsec = 0};
  while (::sigtimedwait(&ending, nullptr, &every) < 0) write_status("running");
  stop.close();
  ended.pop_for(1, kEnd);
  if (!ended.at_end()) {
    // An exchange that hangs: what it would have brought is asked for again at the next start.
    write_status("stopped");
    std::_Exit(0);
  }
  sender.join();
  write_status("stopped");
  fmt::print(stderr, "hinomi-sensor: stopped\n");
  return 0;
}

}  // namespace hinomi::sensor
