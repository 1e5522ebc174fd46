#include <hinomi/link/door.hpp>

#include <hinomi/base/escape.hpp>
#include <hinomi/link/enrolment.hpp>

#include <fmt/format.h>
#include <boost/json.hpp>

#include <charconv>

namespace hinomi::link {
namespace {

namespace json = boost::json;
using base::Errc;
using base::fail;

base::Result<json::object> parse_body(const net::Request& request) {
  if (request.body.size() > (64U << 10)) return fail(Errc::too_large, "the request's JSON may be 64 KiB long");
  json::parse_options options;
  options.max_depth = 8;
  json::error_code error;
  json::value value = json::parse(request.body, error, json::storage_ptr(), options);
  if (error || !value.is_object()) return fail(Errc::malformed, "the request's body is not a JSON object");
  return std::move(value.get_object());
}

base::Result<std::string> text_in(const json::object& object, std::string_view name, std::size_t limit) {
  const json::value* value = object.if_contains(name);
  if (!value || !value->is_string() || value->get_string().empty())
    return fail(Errc::malformed, fmt::format("'{}' must be a text", name));
  if (value->get_string().size() > limit)
    return fail(Errc::too_large, fmt::format("'{}' may be {} bytes long", name, limit));
  return std::string(value->get_string());
}

// A name that a machine gives of itself: shown to people, so without anything that could deceive them.
base::Result<std::string> plain_name(const json::object& object, std::string_view name, std::size_t limit) {
  std::string value = TRY(text_in(object, name, limit));
  if (base::escape_for_display(value) != value)
    return fail(Errc::malformed, fmt::format("'{}' holds characters that it must not hold", name));
  return value;
}

net::Response conflict_response(const base::Error& error, const Progress& progress, bool fork) {
  json::object body = {{"error",
                        {{"code", std::string(base::name_of(error.code))},
                         {"message", error.what},
                         {"fork", fork},
                         {"accepted", {{"leaves", progress.leaves}, {"tree_size", progress.checkpoint.size}}}}}};
  return net::json_response(net::http_status_of(error.code), json::serialize(body));
}

}  // namespace

struct Door::Slot {
  base::Mutex mutex;
  Progress progress HINOMI_GUARDED_BY(mutex);
};

Door::Door(DoorOptions options, access::Access& access, const access::CertificateAuthority& authority,
           BatchSink& batches, ActSink& acts, const base::Clock& clock, base::Random& random)
    : options_(std::move(options)),
      access_(access),
      authority_(authority),
      batches_(batches),
      acts_(acts),
      clock_(clock),
      random_(random) {}
Door::~Door() = default;

std::shared_ptr<Door::Slot> Door::slot(const model::SensorId& sensor) const {
  const base::Lock lock(mutex_);
  std::shared_ptr<Slot>& slot = slots_[sensor];
  if (!slot) slot = std::make_shared<Slot>();
  return slot;
}

Progress Door::progress(const model::SensorId& sensor) const {
  const std::shared_ptr<Slot> slot = this->slot(sensor);
  const base::Lock lock(slot->mutex);
  return slot->progress;
}

base::Status Door::restore_receipt(const model::SensorId& sensor, base::ByteView bytes, std::uint64_t entry) {
  const Receipt receipt = TRY(decode_receipt(bytes));
  Progress progress = TRY(progress_of(receipt, entry));
  const std::shared_ptr<Slot> slot = this->slot(sensor);
  const base::Lock lock(slot->mutex);
  if (receipt.leaf_index != slot->progress.leaves)
    return fail(Errc::corrupt, fmt::format("receipt {}: for leaf {} of sensor {}, leaf {} is next", entry,
                                           receipt.leaf_index, sensor.text(), slot->progress.leaves));
  progress.forked = slot->progress.forked;
  slot->progress = std::move(progress);
  return {};
}

base::Status Door::restore_act(const access::Act& act) {
  if (act.kind != "fork" && act.kind != "fork_settled") return {};
  json::error_code error;
  const json::value value = json::parse(act.json, error);
  if (error || !value.is_object())
    return fail(Errc::malformed, "act '" + act.kind + "': its content is no JSON object");
  const std::string text = TRY(text_in(value.get_object(), "sensor", 64));
  const model::SensorId sensor = TRY(model::SensorId::parse(text));
  const std::shared_ptr<Slot> slot = this->slot(sensor);
  const base::Lock lock(slot->mutex);
  slot->progress.forked = act.kind == "fork";
  return {};
}

access::Act fork_act(const model::SensorId& sensor, const Progress& accepted, std::string_view shown_checkpoint,
                     std::string_view what) {
  return {"fork", "centre",
          json::serialize(json::object{{"sensor", sensor.text()},
                                       {"accepted_leaves", accepted.leaves},
                                       {"accepted_size", accepted.checkpoint.size},
                                       {"accepted_root", accepted.checkpoint.root.hex()},
                                       {"shown_checkpoint", shown_checkpoint},
                                       {"what", what}})};
}

access::Act fork_settled_act(std::string actor, const model::SensorId& sensor) {
  return {"fork_settled", std::move(actor), json::serialize(json::object{{"sensor", sensor.text()}})};
}

net::Response Door::handle(const net::Request& request) {
  const bool post = request.method == "POST";
  if (request.path == "/v1/enrol" && post) return enrol(request);
  if (request.path == "/v1/batches" && post) return receive(request);
  if (request.path == "/v1/state" && request.method == "GET") return state(request);
  if (request.path == "/v1/renew" && post) {
    auto answer = try_renew(request);
    return answer ? net::json_response(200, std::move(*answer)) : net::error_response(answer.error());
  }
  return net::error_response(
      {Errc::not_found, "the link door has POST /v1/enrol, /v1/batches, /v1/renew and GET /v1/state"});
}

base::Result<Sender> Door::authenticate(const net::Request& request) const {
  if (!request.peer.certificate) return fail(Errc::unauthenticated, "a client certificate is needed: enrol first");
  const net::PeerCertificate& certificate = *request.peer.certificate;
  const auto id = model::SensorId::parse(certificate.common_name);
  if (!id) return fail(Errc::unauthenticated, "the client certificate names no sensor");
  const auto sensor = access_.sensor(*id);
  if (!sensor) return fail(Errc::unauthenticated, "the sensor is not known here: enrol it again");
  if (sensor->revoked) return fail(Errc::forbidden, "the sensor is revoked");
  const std::string uri = access::sensor_uri(sensor->organisation, sensor->system, sensor->id);
  if (certificate.organisation != sensor->organisation.text() ||
      certificate.organisational_unit != sensor->system.text() || certificate.uris != std::vector<std::string>{uri} ||
      !sensor->serials.contains(certificate.serial))
    return fail(Errc::forbidden, "the client certificate is not one that was issued to this sensor");
  // The handshake may be long past.
  if (clock_.now() >= certificate.not_after) return fail(Errc::forbidden, "the client certificate has expired");
  auto key = proof::VerifierKey::parse(sensor->ledger_vkey);
  if (!key) return fail(Errc::internal, "the sensor's ledger key cannot be read");
  return Sender{sensor->organisation,
                sensor->system,
                sensor->id,
                sensor->host,
                sensor->host_name,
                fmt::format("{}/ledger/{}", options_.centre, sensor->id.text()),
                *key};
}

net::Response Door::enrol(const net::Request& request) {
  auto answer = try_enrol(request);
  if (answer) {
    ++counters_.enrolments;
    return net::json_response(200, std::move(*answer));
  }
  ++counters_.refused_enrolments;
  return net::error_response(answer.error());
}

base::Result<std::string> Door::try_enrol(const net::Request& request) {
  const json::object body = TRY(parse_body(request));
  const std::string token_text = TRY(text_in(body, "token", 128));
  const base::Bytes secret = TRY(base::from_base64url(token_text));
  const std::string request_pem = TRY(text_in(body, "request", 16U << 10));
  const std::string vkey = TRY(text_in(body, "ledger_vkey", 1024));
  const std::string signature_text = TRY(text_in(body, "ledger_signature", 128));
  const base::Bytes signature = TRY(base::from_base64(signature_text));
  const std::string host_name = TRY(plain_name(body, "host_name", 255));
  const std::string machine_id = TRY(plain_name(body, "machine_id", 128));

  const base::Digest hash = access::hash_of_secret(secret);
  const base::Time now = clock_.now();
  auto token = access_.usable_token(hash, now);
  if (!token) return fail(Errc::forbidden, token.error().what);
  const proof::VerifierKey ledger_key = TRY(proof::VerifierKey::parse(vkey));
  if (!ledger_key.verify(ledger_proof_message(secret, request_pem), signature))
    return fail(Errc::forbidden, "the ledger key did not sign this enrolment");

  access::Sensor sensor;
  sensor.id = {base::Uuid::random(random_)};
  sensor.organisation = token->organisation;
  sensor.system = token->system;
  sensor.host = make_host_id(token->organisation, machine_id);
  sensor.host_name = host_name;
  sensor.machine_id = machine_id;
  sensor.ledger_vkey = vkey;
  // The request proves the link key. From an hour before: clocks of endpoints differ.
  const access::ClientCertificate certificate =
      TRY(authority_.issue_client(request_pem, sensor.organisation, sensor.system, sensor.id, now.plus_seconds(-3600),
                                  now.plus_seconds(options_.certificate_seconds)));
  sensor.link_key = certificate.link_key;
  sensor.serials = {certificate.serial};
  sensor.certificate_not_after = certificate.not_after;
  const BatchSink::Identity evidence = TRY(batches_.identity(sensor.organisation));
  const access::Act act = access::enrolment_act(sensor, hash);
  {
    const base::Lock lock(access_.changing());
    TRY_VOID(access_.check(act, clock_.now()));
    const base::Time received = TRY(acts_.append(sensor.organisation, sensor.system, sensor.id, act));
    TRY_VOID(access_.apply(act, received));
  }
  return json::serialize(json::object{{"version", 1},
                                      {"url", ""},
                                      {"centre", options_.centre},
                                      {"organisation", sensor.organisation.text()},
                                      {"system", sensor.system.text()},
                                      {"sensor", sensor.id.text()},
                                      {"host", sensor.host.text()},
                                      {"host_name", host_name},
                                      {"ledger_origin", fmt::format("{}/ledger/{}", options_.centre, sensor.id.text())},
                                      {"evidence_origin", evidence.origin},
                                      {"evidence_vkey", evidence.vkey},
                                      {"certificate", certificate.pem},
                                      {"ca", authority_.certificate_pem()},
                                      {"manifest_note", options_.manifest_note}});
}

base::Result<std::string> Door::try_renew(const net::Request& request) {
  const Sender sender = TRY(authenticate(request));
  const json::object body = TRY(parse_body(request));
  const std::string request_pem = TRY(text_in(body, "request", 16U << 10));
  const base::Time now = clock_.now();
  const access::ClientCertificate certificate =
      TRY(authority_.issue_client(request_pem, sender.organisation, sender.system, sender.sensor,
                                  now.plus_seconds(-3600), now.plus_seconds(options_.certificate_seconds)));
  const base::Lock lock(access_.changing());
  const auto sensor = access_.sensor(sender.sensor);
  if (!sensor || sensor->link_key != certificate.link_key)
    return fail(Errc::forbidden, "a certificate is renewed for the same link key alone");
  const access::Act act = access::renewal_act(sender.sensor, certificate.serial, certificate.not_after);
  TRY_VOID(access_.check(act, now));
  const base::Time received = TRY(acts_.append(sender.organisation, sender.system, sender.sensor, act));
  TRY_VOID(access_.apply(act, received));
  return json::serialize(json::object{{"certificate", certificate.pem}});
}

net::Response Door::state(const net::Request& request) {
  const auto sender = authenticate(request);
  if (!sender) return net::error_response(sender.error());
  const Progress now = progress(sender->sensor);
  return net::json_response(200, json::serialize(json::object{{"sensor", sender->sensor.text()},
                                                              {"leaves", now.leaves},
                                                              {"tree_size", now.checkpoint.size},
                                                              {"root", now.checkpoint.root.hex()},
                                                              {"fork", now.forked}}));
}

net::Response Door::receive(const net::Request& request) {
  const auto sender = authenticate(request);
  if (!sender) {
    ++counters_.refused;
    return net::error_response(sender.error());
  }
  std::uint64_t known = 0;
  const std::string_view header = request.header("Hinomi-Evidence-Size");
  const auto [end, failed] = std::from_chars(header.data(), header.data() + header.size(), known);
  if (!header.empty() && (failed != std::errc() || end != header.data() + header.size())) {
    ++counters_.refused;
    return net::error_response({Errc::malformed, "Hinomi-Evidence-Size must be a number"});
  }

  const std::shared_ptr<Slot> slot = this->slot(sender->sensor);
  const base::Lock lock(slot->mutex);
  const auto accepted = check_batch(*sender, slot->progress, request.body);
  if (!accepted) {
    const Refusal& refusal = accepted.error();
    ++counters_.refused;
    if (refusal.fork && !slot->progress.forked) {
      ++counters_.forks;
      slot->progress.forked = true;
      const auto shown = decode_batch(request.body);
      // Kept for a person. If even that cannot be written now, the next batch will be refused in the same way and tried again.
      const auto kept = acts_.append(sender->organisation, sender->system, sender->sensor,
                                     fork_act(sender->sensor, slot->progress,
                                              shown ? std::string_view(shown->checkpoint) : "", refusal.error.what));
      if (!kept) slot->progress.forked = false;
    }
    return conflict_response(refusal.error, slot->progress, refusal.fork);
  }

  auto answer = accepted->replay ? batches_.receipt(sender->organisation, slot->progress.receipt_entry)
                                 : batches_.append(*accepted, request.body, *sender);
  if (answer && !accepted->replay) {
    slot->progress = accepted->next;
    slot->progress.receipt_entry = answer->entry;
    ++counters_.batches;
    counters_.events += accepted->leaf.events();
    if (accepted->payload_missing) ++counters_.missing_payloads;
  } else if (answer) {
    ++counters_.replays;
  }
  if (answer && known > 0) {
    // What the sensor verified last leads to this checkpoint. If it does not (the sensor knows a longer log than ours), the
    // sensor finds out by itself from an answer without a proof.
    const std::size_t text_end = answer->checkpoint.find("\n\n");
    const auto checkpoint =
        proof::parse_checkpoint(answer->checkpoint.substr(0, text_end == std::string::npos ? 0 : text_end + 1));
    if (checkpoint && known <= checkpoint->size) {
      auto path = batches_.consistency(sender->organisation, known, checkpoint->size);
      if (path) answer->consistent_with = known, answer->consistency = std::move(*path);
    }
  }
  if (!answer) {
    ++counters_.refused;
    net::Response response = net::error_response(answer.error());
    // Whatever the centre cannot write now, it may be able to write later: the sensor keeps the batch.
    if (answer.error().code != Errc::too_large) {
      response.status = 503;
      response.headers.push_back({"Retry-After", std::to_string(options_.retry_seconds)});
    }
    return response;
  }
  return {200, {{"Content-Type", "application/x-protobuf"}}, encode(*answer)};
}

}  // namespace hinomi::link
