#include <hinomi/link/uplink.hpp>

#include <fmt/format.h>
#include <boost/json.hpp>

#include <algorithm>
#include <charconv>

namespace hinomi::link {
namespace {

namespace json = boost::json;
using base::Errc;
using std::chrono::milliseconds;

base::Result<json::object> parse_object(std::string_view text) {
  if (text.size() > (64U << 10)) return base::fail(Errc::too_large, "the centre's answer is over 64 KiB");
  json::parse_options options;
  options.max_depth = 8;
  json::error_code error;
  json::value value = json::parse(text, error, json::storage_ptr(), options);
  if (error || !value.is_object()) return base::fail(Errc::malformed, "the centre's answer is no JSON object");
  return std::move(value.get_object());
}

base::Result<std::uint64_t> number_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  json::error_code error;
  const auto number = value && value->is_number() ? value->to_number<std::uint64_t>(error) : 0;
  if (!value || !value->is_number() || error)
    return base::fail(Errc::malformed, fmt::format("the centre's answer: '{}' must be a number", name));
  return number;
}

// What the centre says in an error: code and message, as far as it can be read.
base::Error error_of(const net::Response& response) {
  const auto object = parse_object(response.body);
  const json::value* error = object ? object->if_contains("error") : nullptr;
  if (error && error->is_object()) {
    const json::value* code = error->get_object().if_contains("code");
    const json::value* message = error->get_object().if_contains("message");
    if (code && message && code->is_string() && message->is_string())
      return {base::errc_named(std::string_view(code->get_string())),
              "the centre: " + std::string(message->get_string().subview(0, 512))};
  }
  return {Errc::unavailable, fmt::format("the centre answers {}", response.status)};
}

}  // namespace

std::string_view name_of(UplinkState state) {
  switch (state) {
    case UplinkState::starting: return "starting";
    case UplinkState::sending: return "sending";
    case UplinkState::idle: return "idle";
    case UplinkState::waiting: return "waiting";
    case UplinkState::refused: return "refused";
  }
  return "starting";
}

std::string to_json(const UplinkStatus& status) {
  return json::serialize(json::object{
      {"state", std::string(name_of(status.state))},
      {"trouble", status.trouble},
      {"leaves", status.leaves},
      {"acknowledged", status.acknowledged},
      {"sent", status.sent},
      {"sent_bytes", status.sent_bytes},
      {"failures", status.failures},
      {"last_receipt", status.last_receipt ? json::value(status.last_receipt->rfc3339()) : json::value(nullptr)},
      {"evidence_size", status.evidence_size},
      {"certificate_not_after", status.certificate_not_after.rfc3339(0)},
      {"key_exchange", status.key_exchange}});
}

std::function<base::Result<std::unique_ptr<net::Client>>(const LinkFolder::Content&)> connect_over(
    std::optional<net::Proxy> proxy) {
  return [proxy = std::move(proxy)](const LinkFolder::Content& content) {
    return net::Client::create({.url = content.enrolment.url,
                                .ca_pem = content.ca_pem,
                                .certificate_pem = content.certificate_pem,
                                .key_pem = content.link_key_pem,
                                .proxy = proxy});
  };
}

base::Result<std::unique_ptr<Uplink>> Uplink::create(UplinkOptions options, LinkFolder folder, BatchSource& source,
                                                     const base::Clock& clock, base::Random& random) {
  LinkFolder::Content content = TRY(folder.load());
  const Validity validity = TRY(validity_of(content.certificate_pem));
  if (!options.connect) options.connect = connect_over(std::nullopt);
  return std::unique_ptr<Uplink>(
      new Uplink(std::move(options), std::move(folder), std::move(content), validity, source, clock, random));
}

Uplink::Uplink(UplinkOptions options, LinkFolder folder, LinkFolder::Content content, Validity validity,
               BatchSource& source, const base::Clock& clock, base::Random& random)
    : options_(std::move(options)),
      folder_(std::move(folder)),
      content_(std::move(content)),
      sender_(*content_.enrolment.sender()),
      validity_(validity),
      source_(source),
      clock_(clock),
      random_(random) {
  const base::Lock lock(mutex_);
  status_.evidence_size = content_.evidence.size;
  status_.certificate_not_after = validity_.not_after;
}

UplinkStatus Uplink::status() const {
  const base::Lock lock(mutex_);
  return status_;
}

milliseconds Uplink::step() {
  const auto result = exchange();
  if (!result) return wait_after(result.error());
  failures_in_a_row_ = 0;
  const base::Lock lock(mutex_);
  status_.trouble = renewal_trouble_;
  status_.state = *result ? UplinkState::sending : UplinkState::idle;
  return *result ? milliseconds(0) : options_.idle;
}

milliseconds Uplink::wait_after(const Trouble& trouble) {
  // Full jitter: anywhere from now to twice as far as the last time, so that many sensors do not come back together.
  milliseconds limit = options_.longest_wait;
  if (failures_in_a_row_ < 20) limit = std::min<milliseconds>(limit, options_.first_wait * (1LL << failures_in_a_row_));
  ++failures_in_a_row_;
  const milliseconds jitter(
      limit.count() > 0 ? static_cast<std::int64_t>(random_.number() % static_cast<std::uint64_t>(limit.count() + 1))
                        : 0);
  synchronised_ = false;
  const base::Lock lock(mutex_);
  ++status_.failures;
  status_.trouble = trouble.error.what;
  status_.state = trouble.refused ? UplinkState::refused : UplinkState::waiting;
  if (trouble.at_least.count() == 0) return jitter;
  return std::min(trouble.at_least, options_.longest_retry_after) + jitter;
}

std::expected<net::Response, Uplink::Trouble> Uplink::ask(const net::Request& request) {
  if (!client_) {
    auto client = options_.connect(content_);
    if (!client) return std::unexpected(Trouble{client.error(), true});
    client_ = std::move(*client);
  }
  auto response = client_->send(request);
  if (!response) {
    client_.reset();
    const Errc code = response.error().code;
    return std::unexpected(Trouble{response.error(), code == Errc::unauthenticated || code == Errc::forbidden});
  }
  {
    const base::Lock lock(mutex_);
    status_.key_exchange = client_->negotiated_group();
  }
  if (response->status == 200) return std::move(*response);
  Trouble trouble{error_of(*response)};
  trouble.refused = response->status >= 400 && response->status < 500 && response->status != 429;
  const std::string_view after = response->header("Retry-After");
  std::int64_t seconds = 0;
  if ((response->status == 429 || response->status == 503) &&
      std::from_chars(after.data(), after.data() + after.size(), seconds).ec == std::errc())
    trouble.at_least = milliseconds(std::clamp<std::int64_t>(seconds, 0, 86'400) * 1000);
  return std::unexpected(std::move(trouble));
}

std::expected<void, Uplink::Trouble> Uplink::synchronise(std::uint64_t leaves) {
  auto response = ask({.method = "GET", .path = "/v1/state"});
  if (!response) return std::unexpected(response.error());
  const auto object = parse_object(response->body);
  if (!object) return std::unexpected(Trouble{object.error(), true});
  const auto accepted = number_in(*object, "leaves");
  const auto size = number_in(*object, "tree_size");
  if (!accepted || !size) return std::unexpected(Trouble{(accepted ? size : accepted).error(), true});
  const json::value* fork = object->if_contains("fork");
  if (fork && fork->is_bool() && fork->get_bool())
    return std::unexpected(Trouble{
        {Errc::conflict, "the centre saw this machine's ledger go back or be rewritten: a person must settle that"},
        true});
  if (*accepted > leaves || *size > leaves)
    return std::unexpected(Trouble{
        {Errc::conflict, fmt::format("the centre holds {} leaves of this machine's ledger of {}: the ledger went back "
                                     "(a restored backup or snapshot?); enrol this machine anew",
                                     std::max(*accepted, *size), leaves)},
        true});
  accepted_leaves_ = *accepted;
  accepted_size_ = *size;
  // The answer to the last batch may have been lost: sending it again fetches its receipt.
  next_ = accepted_leaves_ > 0 && source_.acknowledged() < accepted_leaves_ ? accepted_leaves_ - 1 : accepted_leaves_;
  synchronised_ = true;
  return {};
}

void Uplink::renew_if_due() {
  const base::Time now = clock_.now();
  const std::int64_t third = (validity_.not_after.nanoseconds - validity_.not_before.nanoseconds) / 3;
  if (now.nanoseconds < validity_.not_after.nanoseconds - third || now < next_renewal_) return;
  next_renewal_ = now.plus_seconds(3600);  // if it fails, not with every batch
  const base::Status renewed = renew();
  renewal_trouble_ = renewed ? "" : "renewing the certificate: " + renewed.error().what;
}

base::Status Uplink::renew() {
  const LinkKey key = TRY(LinkKey::parse(content_.link_key_pem));
  const auto response = ask({.method = "POST",
                             .path = "/v1/renew",
                             .headers = {{"Content-Type", "application/json"}},
                             .body = json::serialize(json::object{{"request", key.request_pem()}})});
  if (!response) return base::fail(response.error().error);
  const json::object object = TRY(parse_object(response->body));
  const json::value* certificate = object.if_contains("certificate");
  if (!certificate || !certificate->is_string())
    return base::fail(Errc::malformed, "the centre's answer holds no certificate");
  const std::string pem(certificate->get_string());
  const Validity validity = TRY(validity_of(pem));
  TRY_VOID(folder_.save_certificate(pem));
  content_.certificate_pem = pem;
  validity_ = validity;
  client_.reset();
  const base::Lock lock(mutex_);
  status_.certificate_not_after = validity_.not_after;
  return {};
}

std::expected<bool, Uplink::Trouble> Uplink::exchange() {
  const auto local = [](const base::Error& error) { return std::unexpected(Trouble{error.within("ledger"), true}); };
  const auto leaves = source_.refresh();
  if (!leaves) return local(leaves.error());
  {
    const base::Lock lock(mutex_);
    status_.leaves = *leaves;
    status_.acknowledged = source_.acknowledged();
  }
  renew_if_due();
  if (!synchronised_) {
    auto known = synchronise(*leaves);
    if (!known) return std::unexpected(known.error());
  }
  if (next_ >= *leaves) return false;

  const auto stored = source_.read(next_);
  if (!stored) return local(stored.error());
  Batch batch{.organisation = sender_.organisation,
              .system = sender_.system,
              .sensor = sender_.sensor,
              .leaf = stored->leaf,
              .leaf_index = next_,
              .checkpoint = source_.checkpoint(),
              .consistent_with = accepted_size_,
              .salt = stored->frame.empty() ? "" : stored->salt,
              .frame = stored->frame};
  auto inclusion = source_.inclusion(next_, *leaves);
  if (!inclusion) return local(inclusion.error());
  batch.inclusion = std::move(*inclusion);
  auto consistency = source_.consistency(accepted_size_, *leaves);
  if (!consistency) return local(consistency.error());
  batch.consistency = std::move(*consistency);

  const base::Bytes body = encode(batch);
  auto response = ask({.method = "POST",
                       .path = "/v1/batches",
                       .headers = {{"Content-Type", "application/x-protobuf"},
                                   {"Hinomi-Evidence-Size", std::to_string(content_.evidence.size)}},
                       .body = body});
  if (!response) return std::unexpected(response.error());
  const auto answer = decode_answer(response->body);
  if (!answer) return std::unexpected(Trouble{answer.error(), true});
  auto verified = verify_answer(*answer, content_.evidence, sender_, proof::leaf_hash(stored->leaf), next_);
  if (!verified) return std::unexpected(Trouble{verified.error(), true});
  // First what the centre's log looks like, then that the ledger may forget.
  if (verified->view.size != content_.evidence.size) {
    const base::Status saved = folder_.save_evidence(answer->checkpoint);
    if (!saved) return std::unexpected(Trouble{saved.error(), false});
    content_.evidence = verified->view;
  }
  const base::Status acknowledged = source_.acknowledge(next_, *answer, verified->receipt);
  if (!acknowledged) return std::unexpected(Trouble{acknowledged.error().within("ledger"), false});
  if (next_ >= accepted_leaves_) {
    accepted_leaves_ = next_ + 1;
    accepted_size_ = *leaves;
  }
  ++next_;
  const base::Lock lock(mutex_);
  ++status_.sent;
  status_.sent_bytes += body.size();
  status_.acknowledged = source_.acknowledged();
  status_.last_receipt = verified->receipt.received;
  status_.evidence_size = content_.evidence.size;
  return true;
}

}  // namespace hinomi::link
