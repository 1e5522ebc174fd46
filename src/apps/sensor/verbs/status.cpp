// hinomi-sensor status: whether this machine is observed, what is missing, and how far sending has come. The two programs'
// own words, from the files that only they can write.
#include "verbs.hpp"

#include "notes.hpp"

#include <hinomi/base/escape.hpp>
#include <hinomi/base/time.hpp>

#include <fmt/core.h>
#include <boost/json.hpp>

namespace hinomi::sensor {
namespace {

namespace json = boost::json;
using base::Result;

constexpr std::int64_t kStaleSeconds = 15;

// One program's status file; empty if it is not there or is no JSON object.
json::object read_status(const base::fs::path& file) {
  const auto text = read_untrusted(file, 256U << 10);
  if (!text) return {};
  boost::system::error_code error;
  json::value value = json::parse(*text, error);
  if (error || !value.is_object()) return {};
  return value.get_object();
}

std::string text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr) return "";
  return value->is_string() ? base::escape_for_display(std::string(value->get_string())) : json::serialize(*value);
}

const json::object& object_at(const json::object& object, std::string_view key) {
  static const json::object empty;
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_object() ? value->get_object() : empty;
}

std::uint64_t number_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

// running, stopped, stale (it should be running, but has not said so for a while) or absent.
std::string state_of(const json::object& status, base::Time now) {
  if (status.empty()) return "absent";
  std::string state = text_at(status, "state");
  if (state == "stopped") return state;
  const auto time = base::Time::parse_rfc3339(text_at(status, "time"));
  if (!time || now.seconds() - time->seconds() > kStaleSeconds) return "stale";
  return "running";
}

}  // namespace

Result<int> show_status(const Context& context) {
  const Files files(context.config.data);
  const base::SystemClock clock;
  const base::Time now = clock.now();
  const consent::Trust trust = TRY(read_trust(files));
  const json::object probe = read_status(files.probe_status());
  const json::object uplink = read_status(files.uplink_status());
  const std::string probe_state = state_of(probe, now);
  const std::string uplink_state = state_of(uplink, now);

  const json::object& ledger = object_at(probe, "ledger");
  const json::object& link = object_at(uplink, "link");
  const json::object& manifest = object_at(probe, "manifest");
  const std::uint64_t leaves = number_at(ledger, "leaves");
  const std::uint64_t acknowledged = number_at(ledger, "acknowledged");
  const std::uint64_t lag = leaves - std::min(leaves, acknowledged);
  const auto valid_until = base::Time::parse_rfc3339(text_at(manifest, "valid_until"));
  const std::string link_state = text_at(link, "state");

  std::vector<std::string> problems;
  if (probe_state != "running") problems.push_back("probe_" + probe_state);
  if (uplink_state != "running") problems.push_back("uplink_" + uplink_state);
  if (!text_at(ledger, "trouble").empty()) problems.emplace_back("ledger");
  if (uplink_state == "running" && (link_state == "waiting" || link_state == "refused"))
    problems.push_back("link_" + link_state);
  if (valid_until && now >= *valid_until) problems.emplace_back("manifest_expired");

  if (context.json) {
    json::array list;
    for (const std::string& problem : problems) list.emplace_back(problem);
    fmt::print("{}\n", json::serialize(json::object{{"ok", problems.empty()},
                                                    {"problems", std::move(list)},
                                                    {"organisation", trust.organisation.text()},
                                                    {"system", trust.system.text()},
                                                    {"sensor", trust.sensor.text()},
                                                    {"probe_state", probe_state},
                                                    {"uplink_state", uplink_state},
                                                    {"lag", lag},
                                                    {"probe", probe},
                                                    {"uplink", uplink}}));
    return problems.empty() ? 0 : 1;
  }

  const base::Messages& texts = context.texts;
  const auto number = [](std::uint64_t value) { return fmt::format("{}", value); };
  const auto line = [&](std::string_view key, const std::string& value) {
    fmt::print("{}: {}\n", texts.text(key), value);
  };
  line("sensor.status.who",
       fmt::format("{} / {} / {}", trust.organisation.text(), trust.system.text(), trust.sensor.text()));
  line("sensor.status.probe", texts.text("sensor.state." + probe_state));
  line("sensor.status.uplink",
       texts.text("sensor.state." + uplink_state) +
           (link_state.empty() || uplink_state != "running" ? "" : ", " + texts.text("sensor.link." + link_state)));
  if (!text_at(link, "trouble").empty()) line("sensor.status.trouble", text_at(link, "trouble"));
  if (!text_at(ledger, "trouble").empty()) line("sensor.status.trouble", text_at(ledger, "trouble"));
  line("sensor.status.manifest",
       texts.text("sensor.status.manifest_value",
                  {{"version", text_at(manifest, "version")}, {"until", text_at(manifest, "valid_until")}}));
  line("sensor.status.ledger",
       texts.text("sensor.status.ledger_value", {{"leaves", number(leaves)},
                                                 {"recorded", number(number_at(ledger, "recorded"))},
                                                 {"withheld", number(number_at(ledger, "withheld"))}}));
  line("sensor.status.lag", texts.text("sensor.status.lag_value", {{"leaves", number(lag)}}));
  line("sensor.status.spool",
       texts.text("sensor.status.spool_value", {{"used", number(number_at(ledger, "payload_bytes") >> 20)},
                                                {"cap", number(number_at(ledger, "spool_cap") >> 20)}}));
  line("sensor.status.lost", number(number_at(ledger, "lost") + number_at(object_at(probe, "queue"), "dropped")));
  fmt::print("{}:\n", texts.text("sensor.status.hooks"));
  if (const json::value* hooks = probe.if_contains("hooks"); hooks != nullptr && hooks->is_array())
    for (const json::value& hook : hooks->get_array())
      if (hook.is_string()) fmt::print("  {}\n", base::escape_for_display(std::string(hook.get_string())));
  for (const json::object* whose : {&probe, &uplink})
    if (const json::value* notices = whose->if_contains("notices"); notices != nullptr && notices->is_array())
      for (const json::value& notice : notices->get_array())
        if (notice.is_string())
          line("sensor.status.notice", base::escape_for_display(std::string(notice.get_string())));
  return problems.empty() ? 0 : 1;
}

}  // namespace hinomi::sensor
