#include <hinomi/base/random.hpp>
#include <hinomi/publish/shelf.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <set>

namespace hinomi::publish {
namespace {

namespace json = boost::json;
const std::string kKey(32, 'k');
const access::Principal kSomebody{.account = "isp"};

class Folder {
 public:
  Folder() : path_(base::fs::temp_directory_path() / ("hinomi-shelf-" + base::to_hex(base::SystemRandom().bytes(8)))) {
    base::fs::create_directory(path_);
  }
  ~Folder() { base::fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] base::fs::path file() const { return path_ / "published.ndjson"; }

 private:
  base::fs::path path_;
};

base::Time at(std::string_view text) { return base::Time::parse_rfc3339(text).value(); }

model::Indicator indicator(std::string value, std::string_view time = "2026-11-21T08:00:00.000001234Z") {
  model::Indicator out;
  out.type = model::IndicatorType::ipv4;
  out.value = std::move(value);
  out.pattern = model::make_pattern(out.type, out.value);
  out.producer = "hinomi.example";
  out.organisation = model::OrganisationId::parse("city-hall").value();
  out.id = model::make_indicator_id(out.producer, out.organisation.text(), out.type, out.value);
  out.state = model::IndicatorState::published;
  out.confidence = 80;
  out.evidence = {{.entry = {.log = "hinomi.example/evidence/city-hall", .index = 3}, .event = {}}};
  out.created = out.valid_from = at("2026-11-21T07:00:00Z");
  out.modified = out.created;
  out.published = at(time);
  return out;
}

std::unique_ptr<Shelf> opened(const Folder& folder) {
  return Shelf::open(folder.file(), "hinomi.example", kKey).value();
}
std::vector<ObjectPointer> all(const Shelf& shelf) { return shelf.after(kSomebody, INT64_MIN, 100'000); }

TEST(Shelf, only_published_indicators_go_on_it) {
  Folder folder;
  const auto shelf = opened(folder);
  for (const auto state : {model::IndicatorState::candidate, model::IndicatorState::held}) {
    model::Indicator kept = indicator("198.51.100.1");
    kept.state = state;
    EXPECT_FALSE(shelf->put(kept, {}).value());
  }
  EXPECT_EQ(shelf->size(), 0U);
  EXPECT_TRUE(shelf->put(indicator("198.51.100.1"), {}).value());
  EXPECT_GT(shelf->size(), 0U);
}

TEST(Shelf, an_indicator_brings_along_every_object_it_refers_to) {
  Folder folder;
  const auto shelf = opened(folder);
  ASSERT_TRUE(shelf->put(indicator("198.51.100.1"), {}).value());
  std::set<std::string> ids;
  for (const auto& object : all(*shelf)) ids.insert(object->id);
  for (const auto& object : all(*shelf)) {
    const json::object parsed = json::parse(object->json).as_object();
    if (const auto* creator = parsed.if_contains("created_by_ref"))
      EXPECT_TRUE(ids.contains(std::string(creator->as_string())));
    if (const auto* marks = parsed.if_contains("object_marking_refs"))
      for (const auto& mark : marks->as_array()) EXPECT_TRUE(ids.contains(std::string(mark.as_string())));
    if (object->type == "indicator")
      for (const auto& extension : parsed.at("extensions").as_object())
        EXPECT_TRUE(ids.contains(std::string(extension.key())));
  }
  const std::size_t first = shelf->size();
  ASSERT_TRUE(shelf->put(indicator("198.51.100.2"), {}).value());
  EXPECT_EQ(shelf->size(), first + 1) << "they are brought once";
}

TEST(Shelf, date_added_is_unique_grows_and_is_never_before_modified) {
  Folder folder;
  const auto shelf = opened(folder);
  for (int i = 1; i <= 50; ++i)  // all published at the same nanosecond, or earlier than the one before
    ASSERT_TRUE(shelf
                    ->put(indicator(fmt::format("198.51.100.{}", i),
                                    i % 2 ? "2026-11-21T08:00:00.000001234Z" : "2026-11-21T07:59:59Z"),
                          {})
                    .value());
  std::int64_t before = 0;
  for (const auto& object : all(*shelf)) {
    EXPECT_GT(object->date_added, before);
    EXPECT_GE(object->date_added * 1000, object->version.nanoseconds);
    before = object->date_added;
  }
  EXPECT_EQ(all(*shelf).front()->date_added, at("2026-11-21T08:00:00.000002Z").nanoseconds / 1000)
      << "up to the next microsecond";
}

TEST(Shelf, order_and_bytes_survive_a_restart_and_a_replay) {
  Folder folder;
  std::vector<std::pair<std::int64_t, std::string>> before;
  {
    const auto shelf = opened(folder);
    ASSERT_TRUE(shelf->put(indicator("198.51.100.1", "2026-11-21T09:00:00Z"), {}).value());
    ASSERT_TRUE(shelf->put(indicator("198.51.100.2", "2026-11-21T08:00:00Z"), {}).value());
    for (const auto& object : all(*shelf)) before.emplace_back(object->date_added, object->json);
  }
  const auto shelf = opened(folder);
  EXPECT_FALSE(shelf->put(indicator("198.51.100.2", "2026-11-21T08:00:00Z"), {}).value());
  EXPECT_FALSE(shelf->put(indicator("198.51.100.1", "2026-11-21T09:00:00Z"), {}).value());
  std::vector<std::pair<std::int64_t, std::string>> now;
  for (const auto& object : all(*shelf)) now.emplace_back(object->date_added, object->json);
  EXPECT_EQ(before, now);
}

TEST(Shelf, a_new_version_goes_out_when_what_a_subscriber_acts_on_changed) {
  Folder folder;
  const auto shelf = opened(folder);
  model::Indicator one = indicator("198.51.100.1");
  ASSERT_TRUE(shelf->put(one, {}).value());
  one.confidence = 95;
  one.modified = at("2026-11-21T10:00:00Z");
  EXPECT_TRUE(shelf->put(one, {}).value());
  one.tags = {"attack.execution"};
  EXPECT_TRUE(shelf->put(one, {}).value()) << "within the same millisecond";
  const auto versions = shelf->versions(kSomebody, "indicator--" + one.id.text());
  ASSERT_EQ(versions.size(), 3U);
  EXPECT_LT(versions[1]->version, versions[2]->version) << "(id, modified) names one version forever";
  EXPECT_FALSE(shelf->put(indicator("198.51.100.1"), {}).value()) << "an earlier state, replayed";
}

TEST(Shelf, a_noisy_indicator_gets_a_version_each_time_its_evidence_doubles) {
  Folder folder;
  const auto shelf = opened(folder);
  model::Indicator noisy = indicator("198.51.100.1");
  int versions = 0;
  for (std::uint64_t i = 1; i <= 1024; ++i) {
    if (i > 1)
      noisy.evidence.push_back(
          {.entry = {.log = "hinomi.example/evidence/city-hall", .index = 3 + i}, .event = {.sequence = i}});
    noisy.modified = noisy.modified.plus_seconds(1);
    if (shelf->put(noisy, {}).value()) ++versions;
  }
  EXPECT_EQ(versions, 11);
}

TEST(Shelf, a_torn_last_line_is_cut_and_anything_else_wrong_is_named) {
  Folder folder;
  std::size_t count = 0;
  {
    const auto shelf = opened(folder);
    ASSERT_TRUE(shelf->put(indicator("198.51.100.1"), {}).value());
    count = shelf->size();
  }
  std::ofstream(folder.file(), std::ios::app) << R"({"date_added":17)";
  {
    const auto shelf = opened(folder);
    EXPECT_EQ(shelf->size(), count);
    EXPECT_TRUE(shelf->put(indicator("198.51.100.2"), {}).value());
  }
  EXPECT_EQ(opened(folder)->size(), count + 1);
  std::ofstream(folder.file(), std::ios::app) << "{\"date_added\":17}\n";
  const auto refused = Shelf::open(folder.file(), "hinomi.example", kKey);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, base::Errc::corrupt);
  EXPECT_NE(refused.error().what.find(fmt::format("line {}", count + 2)), std::string::npos) << refused.error().what;
}

TEST(Shelf, a_write_that_does_not_fit_puts_nothing_out_and_leaves_the_file_whole) {
  Folder folder;
  const auto shelf = opened(folder);
  ASSERT_TRUE(shelf->put(indicator("198.51.100.1"), {}).value());
  const std::size_t before = shelf->size();
  {
    // The largest file that this process may write ends in the middle of the next object.
    struct rlimit old{};
    getrlimit(RLIMIT_FSIZE, &old);
    const auto handler = signal(SIGXFSZ, SIG_IGN);
    const struct rlimit small{.rlim_cur = base::fs::file_size(folder.file()) + 100, .rlim_max = old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    const auto put = shelf->put(indicator("198.51.100.2"), {});
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, handler);
    ASSERT_FALSE(put.has_value());
  }
  EXPECT_EQ(shelf->size(), before);
  EXPECT_TRUE(shelf->put(indicator("198.51.100.2"), {}).value()) << "space is back";
  EXPECT_EQ(opened(folder)->size(), before + 1);
}

}  // namespace
}  // namespace hinomi::publish
