#include <ruling.hpp>

#include <hinomi/base/escape.hpp>
#include <hinomi/detect/rule_folder.hpp>

#include <fmt/core.h>
#include <boost/json.hpp>

namespace hinomi::centre {
namespace {

namespace json = boost::json;

base::Result<std::string> text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string())
    return base::fail(base::Errc::malformed, fmt::format("act 'rules': {} must be a text", name));
  return std::string(value->get_string());
}

}  // namespace

access::Act Ruling::act() const {
  json::array list;
  for (const detect::RuleFile& file : files) {
    json::object one{{"name", file.name}};
    if (base::is_valid_utf8(file.bytes)) one.emplace("text", file.bytes);
    else one.emplace("base64", base::to_base64(file.bytes));
    list.emplace_back(std::move(one));
  }
  const json::object content{{"engine", engine},
                             {"producer", producer},
                             {"naming", naming},
                             {"digest", rules.hex()},
                             {"files", std::move(list)}};
  return {.kind = std::string(kRulesAct), .actor = "centre", .json = json::serialize(content)};
}

base::Result<Ruling> Ruling::parse(const access::Act& act) {
  json::error_code error;
  const json::value value = json::parse(act.json, error);
  if (error || !value.is_object())
    return base::fail(base::Errc::malformed, "act 'rules': its content is no JSON object");
  const json::object& content = value.get_object();
  Ruling out;
  out.engine = TRY(text_in(content, "engine"));
  out.producer = TRY(text_in(content, "producer"));
  out.naming = TRY(text_in(content, "naming"));
  const std::string digest = TRY(text_in(content, "digest"));
  out.rules = TRY(base::Digest::parse_hex(digest));
  const json::value* files = content.if_contains("files");
  if (files == nullptr || !files->is_array())
    return base::fail(base::Errc::malformed, "act 'rules': files must be a list");
  for (const json::value& file : files->get_array()) {
    if (!file.is_object()) return base::fail(base::Errc::malformed, "act 'rules': a file must be an object");
    detect::RuleFile one;
    one.name = TRY(text_in(file.get_object(), "name"));
    if (file.get_object().contains("text")) {
      one.bytes = TRY(text_in(file.get_object(), "text"));
    } else {
      const std::string encoded = TRY(text_in(file.get_object(), "base64"));
      one.bytes = TRY(base::from_base64(encoded));
    }
    out.files.push_back(std::move(one));
  }
  if (detect::load_rules(out.files).digest != out.rules)
    return base::fail(base::Errc::corrupt, "act 'rules': the files are not those that its digest names");
  return out;
}

base::Result<Ruling> read_ruling(const base::fs::path& folder, const std::string& producer) {
  Ruling out{
      .engine = std::string(detect::kEngineVersion), .producer = producer, .naming = {}, .rules = {}, .files = {}};
  out.files = TRY(detect::read_rule_folder(folder));
  out.rules = detect::load_rules(out.files).digest;
  return out;
}

std::shared_ptr<const detect::Plan> Plans::plan(const Ruling& ruling) {
  const base::Lock lock(mutex_);
  std::weak_ptr<const detect::Plan>& known = plans_[ruling.rules];
  if (auto plan = known.lock()) return plan;
  auto plan = detect::compile(detect::load_rules(ruling.files));
  known = plan;
  return plan;
}

}  // namespace hinomi::centre
