// What the derivation depends on besides the evidence: rules, producer and engine. Logged as an act of kind "rules" in every
// organisation's log before it takes effect, with the rules' own bytes, so that replay needs nothing but the log.
// Threads: Ruling is a value; Plans may be used from any thread.
// Fails:   Errc::malformed, Errc::corrupt (the files are not those of the digest).
#pragma once

#include <hinomi/access/act.hpp>
#include <hinomi/base/file.hpp>
#include <hinomi/base/mutex.hpp>
#include <hinomi/detect/plan.hpp>
#include <hinomi/detect/rule.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace hinomi::centre {

struct Ruling {
  std::string engine;    // detect::kEngineVersion of the program that logged it
  std::string producer;  // the centre's name
  std::string naming;    // drawn at random for each log, once: its indicators' ids tell nobody whose they are
  base::Digest rules;    // detect::RuleSet::digest of the files
  std::vector<detect::RuleFile> files;

  [[nodiscard]] access::Act act() const;
  static base::Result<Ruling> parse(const access::Act& act);
  // Same answers from the same evidence.
  [[nodiscard]] bool says_the_same_as(const Ruling& other) const {
    return engine == other.engine && producer == other.producer && rules == other.rules;
  }
};

// What this program would say by the rules in that folder.
base::Result<Ruling> read_ruling(const base::fs::path& folder, const std::string& producer);

inline constexpr std::string_view kRulesAct = "rules";
inline constexpr std::string_view kPublishAct = "publish";

// Compiled rules by digest: one plan for all who use the same rules.
class Plans {
 public:
  std::shared_ptr<const detect::Plan> plan(const Ruling& ruling);

 private:
  base::Mutex mutex_;
  std::map<base::Digest, std::weak_ptr<const detect::Plan>> plans_ HINOMI_GUARDED_BY(mutex_);
};

}  // namespace hinomi::centre
