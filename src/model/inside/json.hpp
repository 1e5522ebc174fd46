// Writing and reading JSON with keys in a fixed order: what rederive compares byte for byte.
// Threads: values.
#pragma once

#include <hinomi/model/finding.hpp>

#include <boost/json.hpp>

namespace hinomi::model::inside {

namespace json = boost::json;

inline json::string text(std::string_view value) { return json::string(value); }

template <class Range, class Project>
json::array array_of(const Range& range, Project project) {
  json::array out;
  for (const auto& item : range) out.emplace_back(project(item));
  return out;
}

// The parsed document, or malformed; bounded in depth and size, never throws.
base::Result<json::object> parse_object(std::string_view text);
base::Result<std::string> text_at(const json::object& object, std::string_view key);
base::Result<base::Time> time_at(const json::object& object, std::string_view key);
base::Result<std::vector<std::string>> texts_at(const json::object& object, std::string_view key);

json::object to_object(const Evidence& evidence);
base::Result<std::vector<Evidence>> evidence_at(const json::object& object);

}  // namespace hinomi::model::inside
