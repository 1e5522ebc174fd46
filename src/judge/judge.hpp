// From findings to indicators. A finding of level high or critical makes its process a suspect: its program and script
// give digests (at once, or when the process_digest event comes), its connections give addresses and names. Digests
// that were seen as programs in system folders are well known here: a renamed copy of a system tool is held, not
// published.
// Owns:    the indicators of one evidence log and a bounded memory of processes and digests.
// Threads: one.
// Fails:   publish: Errc::not_found, Errc::conflict (held, or published already). restore: Errc::corrupt.
// Limits:  4,096 suspects, 1,024 programs outside system folders, 16,384 well-known digests (the oldest goes first),
// 64 findings and 64 evidences an indicator.
#pragma once

#include <hinomi/model/event.hpp>
#include <hinomi/model/finding.hpp>
#include <hinomi/model/indicator.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::judge {

struct Options {
  std::string producer;  // the centre's name
  std::string naming;    // the secret of the log under which its indicators are named
};

class Judge {
 public:
  explicit Judge(Options options) : options_(std::move(options)) {}

  // What the event and the findings on it (of detect, possibly none) change: each indicator that is new or different,
  // as it now is, ascending by id. To be called for every event of the log, in order.
  std::vector<model::Indicator> observe(const model::RecordedEvent& recorded,
                                        const std::vector<model::Finding>& findings);

  // A person's act: from now on others may see it. `organisation`: whose evidence it must rest on.
  base::Result<model::Indicator> publish(const model::IndicatorId& id, const model::OrganisationId& organisation,
                                         const model::EntryRef& act, base::Time received);

  [[nodiscard]] const model::Indicator* find(const model::IndicatorId& id) const;  // null if there is none
  [[nodiscard]] std::vector<model::Indicator> indicators() const;                  // ascending by id

  // Everything but the indicators, for the row that carries the corridor's offset.
  [[nodiscard]] std::string state() const;
  // Takes up where another judge left off: its indicators (from the store) and its state, both at the same offset. An
  // empty state is that of a new log.
  base::Status restore(std::vector<model::Indicator> indicators, std::string_view state);

 private:
  // Why a process is suspected.
  struct Ground {
    model::Level level = model::Level::high;
    std::vector<std::string> tags;
    std::vector<model::FindingId> findings;
    std::vector<model::Evidence> evidence;
    base::Time source_time;  // of the first finding's event
    base::Time received_time;
  };
  struct Suspect {
    Ground ground;
    std::vector<std::string> awaited;  // paths of programs and scripts whose digest is still to come
  };
  // What a process runs that is not of the system, for findings on its later events.
  struct Program {
    std::string path;
    base::Digest digest;
  };
  struct Value {
    model::IndicatorType type;
    std::string value;
    std::string reason;  // to be held; empty if not
  };
  using Changed = std::map<model::IndicatorId, const model::Indicator*>;

  base::Status read_state(std::string_view state);
  void learn(const model::RecordedEvent& recorded, Changed& changed);
  void learn_system_program(const model::RecordedEvent& recorded, std::string_view path, const base::Digest& digest,
                            Changed& changed);
  void add_ground(Ground& ground, const model::RecordedEvent& recorded, const model::Finding& finding);
  Suspect& suspect_of(const std::string& guid);
  void take_programs(const model::RecordedEvent& recorded, Suspect& suspect, Changed& changed);
  void take_program(const model::RecordedEvent& recorded, const Ground& ground, std::string_view path,
                    const base::Digest& digest, Changed& changed);
  void take_destination(const model::RecordedEvent& recorded, const Ground& ground, Changed& changed);
  void take(const model::RecordedEvent& recorded, const Ground& ground, const Value& value, Changed& changed);

  Options options_;
  std::map<model::IndicatorId, model::Indicator> indicators_;
  std::map<std::string, Suspect, std::less<>> suspects_;  // by process guid
  std::deque<std::string> suspect_order_;                 // eldest first
  std::map<std::string, Program, std::less<>> programs_;  // by process guid
  std::deque<std::string> program_order_;
  std::map<base::Digest, std::string> well_known_;  // where it was seen first
  std::deque<base::Digest> well_known_order_;
};

}  // namespace hinomi::judge
