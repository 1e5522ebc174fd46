#include <hinomi/base/escape.hpp>
#include <hinomi/model/event.hpp>
#include <hinomi/model/inside/json.hpp>

namespace hinomi::model {
namespace {

namespace json = boost::json;

json::value value_of(const FieldRow& row, const FieldValue& value) {
  if (const auto* items = std::get_if<std::vector<std::string>>(&value))
    return inside::array_of(*items,
                            [](const std::string& item) { return inside::text(base::escape_for_display(item)); });
  if (const auto* number = std::get_if<std::uint64_t>(&value)) {
    if (row.type == FieldType::boolean) return *number != 0;
    if (row.type == FieldType::time) return inside::text(base::Time{static_cast<std::int64_t>(*number)}.rfc3339());
    return *number;
  }
  const auto& bytes = std::get<std::string>(value);
  if (row.type == FieldType::arguments) return inside::text(base::escape_for_display(command_line_of(bytes)));
  if (row.type == FieldType::digest || row.type == FieldType::address) return inside::text(text_of(row.field, value));
  return inside::text(base::escape_for_display(bytes));
}

}  // namespace

std::string to_json(const RecordedEvent& recorded) {
  const Event& event = recorded.event;
  const Provenance& from = recorded.provenance;
  json::object fields;
  for (const auto& [field, value] : event.fields) {
    const FieldRow& row = row_of(field);
    fields.emplace(row.name, value_of(row, value));
  }
  json::object out;
  out.emplace("id", event.id.text());
  out.emplace("kind", row_of(event.kind).name);
  out.emplace("source_time", event.source_time.rfc3339());
  out.emplace("observed_time", event.observed_time.rfc3339());
  out.emplace("received_time", from.received_time.rfc3339());
  out.emplace("organisation", from.organisation.text());
  out.emplace("system", from.system.text());
  out.emplace("host", from.host.text());
  out.emplace("host_name", base::escape_for_display(from.host_name));
  out.emplace("entry", json::object{{"log", from.entry.log}, {"index", from.entry.index}});
  out.emplace("fields", std::move(fields));
  return json::serialize(out);
}

}  // namespace hinomi::model
