#include <hinomi/publish/shelf.hpp>

#include <hinomi/stix/stix.hpp>

#include <fmt/format.h>
#include <boost/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace hinomi::publish {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxFile = 1U << 30;
constexpr std::size_t kMaxLine = 1U << 20;

std::int64_t microseconds_up(base::Time time) {
  const std::int64_t whole = time.nanoseconds / 1000;
  return time.nanoseconds > whole * 1000 ? whole + 1 : whole;
}

// What a subscriber acts on: the object without its version, its prose and its growing list of evidence.
struct Substance {
  json::object object;
  std::uint64_t evidence = 0;
};
Substance substance_of(const std::string& text) {
  Substance out;
  json::error_code failed;
  const json::value value = json::parse(text, failed);
  if (failed || !value.is_object()) return out;
  out.object = value.as_object();
  out.object.erase("modified");
  out.object.erase("description");
  if (auto* extensions = out.object.if_contains("extensions"); extensions && extensions->is_object())
    if (auto* ours = extensions->as_object().if_contains(stix::extension_definition_id()); ours && ours->is_object()) {
      if (const auto* count = ours->as_object().if_contains("evidence_count"); count && count->is_int64())
        out.evidence = static_cast<std::uint64_t>(count->as_int64());
      ours->as_object().erase("entries");
      ours->as_object().erase("evidence_count");
    }
  return out;
}

bool says_something_new(const std::string& before, const std::string& now) {
  const Substance old = substance_of(before);
  const Substance fresh = substance_of(now);
  return old.object != fresh.object || fresh.evidence >= 2 * std::max<std::uint64_t>(old.evidence, 1);
}

base::Result<PublishedObject> object_from_line(std::string_view line) {
  const auto bad = [] { return base::fail(base::Errc::corrupt, "is not a published object"); };
  if (line.size() > kMaxLine) return bad();
  json::error_code failed;
  const json::value value = json::parse(line, failed);
  if (failed || !value.is_object()) return bad();
  const auto* date = value.as_object().if_contains("date_added");
  const auto* object = value.as_object().if_contains("object");
  if (!date || !date->is_int64() || !object || !object->is_object()) return bad();
  const auto text = [&](const char* name) -> std::string {
    const auto* member = object->as_object().if_contains(name);
    return member && member->is_string() ? std::string(member->as_string()) : std::string();
  };
  PublishedObject out;
  out.date_added = date->as_int64();
  out.id = text("id");
  out.type = text("type");
  const std::string modified = text("modified");
  auto version = base::Time::parse_rfc3339(modified.empty() ? text("created") : modified);
  if (out.id.empty() || out.type.empty() || !version) return bad();
  out.version = *version;
  out.json = json::serialize(*object);  // members keep their order, so these are the bytes that were written
  return out;
}

std::string line_of(const PublishedObject& object) {
  return fmt::format("{{\"date_added\":{},\"object\":{}}}\n", object.date_added, object.json);
}

PublishedObject published(stix::Object object, std::int64_t date_added) {
  return {.date_added = date_added,
          .id = std::move(object.id),
          .type = std::move(object.type),
          .version = object.modified,
          .json = std::move(object.json)};
}

}  // namespace

base::Result<std::unique_ptr<Shelf>> Shelf::open(base::fs::path file, std::string producer, base::Bytes blinding_key) {
  if (blinding_key.size() < 16)
    return base::fail(base::Errc::invalid_argument, "the blinding key needs 16 bytes or more");
  std::unique_ptr<Shelf> shelf(new Shelf(std::move(file), std::move(producer), std::move(blinding_key)));
  {
    base::Lock lock(shelf->mutex_);
    TRY_VOID(shelf->load());
  }
  return shelf;
}

base::Status Shelf::load() {
  const bool fresh = !base::fs::exists(file_);
  descriptor_ = base::Descriptor(::open(file_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!descriptor_.is_open()) return base::fail(base::error_from_errno(errno, "opening " + file_.string()));
  if (fresh) {
    TRY_VOID(base::sync_folder(file_.has_parent_path() ? file_.parent_path() : base::fs::path(".")));
    return {};
  }
  const base::Bytes content = TRY(base::read_file(file_, kMaxFile));
  std::string_view rest = content;
  std::size_t number = 0;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) {  // torn: it was never acknowledged
      if (::ftruncate(descriptor_.get(), static_cast<off_t>(content.size() - rest.size())) != 0)
        return base::fail(base::error_from_errno(errno, "cutting " + file_.string()));
      break;
    }
    ++number;
    auto object = object_from_line(rest.substr(0, end));
    if (!object)
      return base::fail(std::move(object).error().within(fmt::format("{}, line {}", file_.string(), number)));
    if (!objects_.empty() && object->date_added <= objects_.back()->date_added)
      return base::fail(base::Errc::corrupt,
                        fmt::format("{}, line {}: date_added does not grow", file_.string(), number));
    take(std::move(*object));
    rest.remove_prefix(end + 1);
    length_ += end + 1;
  }
  return {};
}

base::Result<bool> Shelf::put(const model::Indicator& indicator, std::span<const model::RuleRef> rules) {
  if (indicator.state != model::IndicatorState::published) return false;
  stix::Proof proof;
  if (!indicator.evidence.empty())
    proof.log_origin = stix::blinded_origin(indicator.evidence.front().entry.log, blinding_key_);
  proof.rules = rules;

  base::Lock lock(mutex_);
  std::vector<stix::Object> fresh;
  std::optional<base::Time> not_before;
  const auto known = versions_.find("indicator--" + indicator.id.text());
  if (known != versions_.end()) {
    const ObjectPointer& last = known->second.back();
    if (stix::to_milliseconds(indicator.modified) < last->version) return false;  // an earlier state, replayed
    if (!says_something_new(last->json, stix::indicator_object(indicator, proof).json)) return false;
    not_before = base::Time{last->version.nanoseconds + 1};
  } else {
    for (const auto& support :
         {stix::marking_object(stix::Tlp::clear), stix::marking_object(stix::Tlp::amber), stix::project_identity(),
          stix::extension_definition(), stix::identity_object(indicator.producer)})
      if (!versions_.contains(support.id)) fresh.push_back(support);
  }
  fresh.push_back(stix::indicator_object(indicator, proof, not_before));

  std::vector<PublishedObject> objects;
  std::int64_t last = objects_.empty() ? INT64_MIN : objects_.back()->date_added;
  for (auto& object : fresh) {
    const base::Time reached =
        std::max({indicator.published.value_or(indicator.modified), indicator.modified, object.modified});
    const std::int64_t date_added =
        last == INT64_MIN ? microseconds_up(reached) : std::max(last + 1, microseconds_up(reached));
    last = date_added;
    objects.push_back(published(std::move(object), date_added));
  }
  TRY_VOID(append(std::move(objects)));
  return true;
}

base::Status Shelf::append(std::vector<PublishedObject> objects) {
  if (broken_) return base::fail(base::Errc::io, file_.string() + " could not be written before; restart to check it");
  std::string lines;
  for (const auto& object : objects) lines += line_of(object);
  base::Status done = base::write_all(descriptor_.get(), lines);
  if (done && ::fdatasync(descriptor_.get()) != 0) {
    broken_ = true;  // after a failed sync nobody knows what is on disk
    done = base::fail(base::error_from_errno(errno, "syncing " + file_.string()));
  } else if (!done) {
    broken_ = ::ftruncate(descriptor_.get(), static_cast<off_t>(length_)) != 0;
  }
  TRY_VOID(std::move(done));
  length_ += lines.size();
  for (auto& object : objects) take(std::move(object));
  return {};
}

void Shelf::take(PublishedObject object) {
  auto pointer = std::make_shared<const PublishedObject>(std::move(object));
  versions_[pointer->id].push_back(pointer);
  objects_.push_back(std::move(pointer));
}

std::size_t Shelf::size() const {
  base::Lock lock(mutex_);
  return objects_.size();
}

std::vector<ObjectPointer> Shelf::after(const access::Principal&, std::int64_t after, std::size_t count) const {
  base::Lock lock(mutex_);
  const auto from =
      std::ranges::upper_bound(objects_, after, {}, [](const ObjectPointer& object) { return object->date_added; });
  const auto left = static_cast<std::size_t>(objects_.end() - from);
  return {from, from + static_cast<std::ptrdiff_t>(std::min(count, left))};
}

std::vector<ObjectPointer> Shelf::versions(const access::Principal&, std::string_view id) const {
  base::Lock lock(mutex_);
  const auto found = versions_.find(id);
  return found == versions_.end() ? std::vector<ObjectPointer>{} : found->second;
}

}  // namespace hinomi::publish
