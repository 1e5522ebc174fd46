#include <hinomi/base/escape.hpp>
#include <hinomi/model/event.hpp>

#include <algorithm>

namespace hinomi::model {
namespace {

// Which alternative of FieldValue a type is kept in.
std::size_t form_of(FieldType type) {
  switch (type) {
    case FieldType::number:
    case FieldType::boolean:
    case FieldType::time: return 0;
    case FieldType::texts:
    case FieldType::paths: return 2;
    default: return 1;
  }
}

auto position_of(auto& fields, Field field) {
  return std::ranges::lower_bound(fields, field, {}, [](const auto& entry) { return entry.first; });
}

}  // namespace

Event& Event::set(Field field, FieldValue value) {
  HINOMI_CHECK(value.index() == form_of(row_of(field).type));
  const auto at = position_of(fields, field);
  if (at != fields.end() && at->first == field) at->second = std::move(value);
  else fields.emplace(at, field, std::move(value));
  return *this;
}

void Event::remove(Field field) {
  const auto at = position_of(fields, field);
  if (at != fields.end() && at->first == field) fields.erase(at);
}

const FieldValue* Event::find(Field field) const {
  const auto at = position_of(fields, field);
  return at != fields.end() && at->first == field ? &at->second : nullptr;
}

std::string_view Event::bytes(Field field) const {
  const FieldValue* value = find(field);
  const auto* text = value != nullptr ? std::get_if<std::string>(value) : nullptr;
  return text != nullptr ? std::string_view(*text) : std::string_view();
}

std::optional<std::uint64_t> Event::number(Field field) const {
  const FieldValue* value = find(field);
  const auto* number = value != nullptr ? std::get_if<std::uint64_t>(value) : nullptr;
  return number != nullptr ? std::optional(*number) : std::nullopt;
}

const std::vector<std::string>& Event::list(Field field) const {
  static const std::vector<std::string> none;
  const FieldValue* value = find(field);
  const auto* items = value != nullptr ? std::get_if<std::vector<std::string>>(value) : nullptr;
  return items != nullptr ? *items : none;
}

std::optional<base::Time> Event::time(Field field) const {
  const auto value = number(field);
  if (!value) return std::nullopt;
  return base::Time{static_cast<std::int64_t>(*value)};
}

std::optional<base::Digest> Event::digest(Field field) const {
  const auto parsed = base::Digest::from_bytes(bytes(field));
  return parsed ? std::optional(*parsed) : std::nullopt;
}

std::optional<base::IpAddress> Event::address(Field field) const {
  const auto parsed = base::IpAddress::from_bytes(bytes(field));
  return parsed ? std::optional(*parsed) : std::nullopt;
}

std::string command_line_of(std::string_view arguments) {
  if (arguments.ends_with('\0')) arguments.remove_suffix(1);
  std::string out(arguments);
  std::ranges::replace(out, '\0', ' ');
  return out;
}

std::vector<std::string> texts_of(Field field, const FieldValue& value) {
  std::vector<std::string> out;
  if (const auto* items = std::get_if<std::vector<std::string>>(&value)) {
    for (const std::string& item : *items) out.push_back(base::to_utf8_lossy(item));
    return out;
  }
  const FieldType type = row_of(field).type;
  if (const auto* number = std::get_if<std::uint64_t>(&value)) {
    if (type == FieldType::boolean) out.emplace_back(*number != 0 ? "true" : "false");
    else if (type == FieldType::time) out.push_back(base::Time{static_cast<std::int64_t>(*number)}.rfc3339());
    else out.push_back(std::to_string(*number));
    return out;
  }
  const auto& bytes = std::get<std::string>(value);
  if (type == FieldType::digest) {
    out.push_back(base::to_hex(bytes));
  } else if (type == FieldType::address) {
    const auto address = base::IpAddress::from_bytes(bytes);
    out.push_back(address ? address->text() : base::to_hex(bytes));
  } else if (type == FieldType::arguments) {
    out.push_back(base::to_utf8_lossy(command_line_of(bytes)));
  } else {
    out.push_back(base::to_utf8_lossy(bytes));
  }
  return out;
}

std::string text_of(Field field, const FieldValue& value) {
  std::string out;
  for (const std::string& item : texts_of(field, value)) {
    if (!out.empty()) out += ", ";
    out += item;
  }
  return out;
}

}  // namespace hinomi::model
