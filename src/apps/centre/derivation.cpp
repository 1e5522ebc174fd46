#include <derivation.hpp>

#include <hinomi/link/batch.hpp>

#include <fmt/core.h>
#include <boost/json.hpp>

namespace hinomi::centre {

access::Act publish_act(std::string actor, const model::IndicatorId& indicator) {
  return {.kind = std::string(kPublishAct),
          .actor = std::move(actor),
          .json = boost::json::serialize(boost::json::object{{"indicator", indicator.text()}})};
}

void Derivation::take(Ruling ruling) {
  own_engine_ = own_engine_ && ruling.engine == detect::kEngineVersion;
  detector_ = std::make_unique<detect::Detector>(plans_.plan(ruling));
  if (judge_ == nullptr)
    judge_ = std::make_unique<judge::Judge>(judge::Options{.producer = ruling.producer, .naming = ruling.naming});
  ruling_ = std::move(ruling);
}

base::Status Derivation::restore(const store::CorridorPoint& point, const std::optional<Ruling>& ruling,
                                 std::vector<model::Indicator> indicators) {
  if (!ruling) return {};
  take(*ruling);
  return judge_->restore(std::move(indicators), point.judge);
}

store::CorridorPoint Derivation::point(std::uint64_t next) const {
  return {.log = origin_, .next = next, .detector = {}, .judge = judge_ == nullptr ? std::string() : judge_->state()};
}

// The events of a batch, or why they cannot be had. What the link accepted is proven to be in the sensor's ledger; that the frame
// holds what its leaf says is only seen here.
base::Result<std::vector<model::RecordedEvent>> Derivation::open_batch(const evidence::Entry& entry) const {
  const link::Batch batch = TRY(link::decode_batch(entry.payload));
  const link::Leaf leaf = TRY(link::decode_leaf(batch.leaf));
  std::vector<model::RecordedEvent> out;
  if (batch.frame.empty()) return out;
  const auto sensor = access_.sensor(batch.sensor);
  if (!sensor || sensor->organisation != organisation_)
    return base::fail(base::Errc::not_found, fmt::format("sensor {} is not enrolled here", batch.sensor.text()));
  const base::Bytes content = TRY(link::decompress_frame(batch.frame));
  std::vector<model::Event> events = TRY(model::decode_events(content, leaf.sensor, leaf.epoch));
  std::uint64_t expected = leaf.first_sequence;
  if (events.size() != leaf.events())
    return base::fail(base::Errc::malformed,
                      fmt::format("{} events where the leaf counts {}", events.size(), leaf.events()));
  for (const model::Event& event : events)
    if (event.id.sequence != expected++) return base::fail(base::Errc::malformed, "events out of sequence");
  out.reserve(events.size());
  for (model::Event& event : events)
    out.push_back({std::move(event),
                   {.organisation = organisation_,
                    .system = sensor->system,
                    .host = sensor->host,
                    .host_name = sensor->host_name,
                    .received_time = entry.leaf.received,
                    .entry = {origin_, entry.index}}});
  return out;
}

base::Status Derivation::observe_act(const evidence::Entry& entry, store::Rows& rows) {
  const access::Act act = TRY(access::decode_act(entry.payload));
  if (act.kind == kRulesAct) take(TRY(Ruling::parse(act)));
  if (act.kind == kPublishAct && judge_ != nullptr) {
    boost::json::error_code error;
    const auto content = boost::json::parse(act.json, error);
    const auto* text = !error && content.is_object() ? content.get_object().if_contains("indicator") : nullptr;
    if (text == nullptr || !text->is_string()) return {};
    const auto id = model::IndicatorId::parse(std::string_view(text->get_string()));
    if (!id) return {};
    auto changed = judge_->publish(*id, organisation_, {origin_, entry.index}, entry.leaf.received);
    if (changed)
      rows.indicators.push_back(std::move(*changed));  // else it was refused: no effect, now and at every replay
  }
  return {};
}

base::Status Derivation::observe(const evidence::Entry& entry, store::Rows& rows) {
  if (entry.leaf.kind == evidence::EntryKind::act) {
    auto status = observe_act(entry, rows);
    if (!status) return base::fail(status.error().within(fmt::format("{}, entry {}", origin_, entry.index)));
    return {};
  }
  if (entry.leaf.kind != evidence::EntryKind::batch) return {};
  ++counters_.batches;
  auto events = open_batch(entry);
  if (!events) {
    ++counters_.bad_batches;
    counters_.last_bad = events.error().within(fmt::format("{}, entry {}", origin_, entry.index)).what;
    return {};
  }
  for (model::RecordedEvent& event : *events) {
    std::vector<model::Finding> findings;
    if (detector_ != nullptr) findings = detector_->observe(event);
    if (judge_ != nullptr) {
      auto changed = judge_->observe(event, findings);
      rows.indicators.insert(rows.indicators.end(), std::make_move_iterator(changed.begin()),
                             std::make_move_iterator(changed.end()));
    }
    rows.findings.insert(rows.findings.end(), std::make_move_iterator(findings.begin()),
                         std::make_move_iterator(findings.end()));
    rows.events.push_back(std::move(event));
  }
  return {};
}

}  // namespace hinomi::centre
