// Who runs, who ran a moment ago, and whom they come from.
// Idea:    what an exec set (Image) and where a process comes from (Lineage) are immutable and shared; a lineage is a
// chain of nodes towards the first ancestor, made when a process forks. So ancestry outlives the ancestors and their
// place in the table, and shows each ancestor as it was when it forked.
// Owns:    its entries. Bounded: at most Limits::processes entries, chains of at most kLineageLimit, arguments cut.
// Threads: one.
// Fails:   never; what does not fit is counted (refused()).
#pragma once

#include <hinomi/base/uuid.hpp>
#include <hinomi/observe/endpoint/record.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace hinomi::observe::endpoint {

// The identity of a process on Linux, one recipe: UUID version 5 (RFC 9562) whose namespace is the kernel's boot id
// (/proc/sys/kernel/random/boot_id) and whose name is "<start>.<tgid>", both decimal: start is the thread-group
// leader's start_boottime in nanoseconds, tgid its id in the initial pid namespace. Neither exec nor pid reuse changes
// or repeats it.
std::string make_process_guid(const base::Uuid& boot, const ProcessKey& process);

// What one exec set. Kept in the table and shared with descendants.
struct Image {
  std::string executable;
  std::string arguments;  // each ended by NUL; cut
  std::string user_id, user_name;
  std::string container;
  std::uint64_t cgroup_id = 0;
};

struct Lineage {
  std::string guid;
  std::uint32_t tgid = 0;
  std::shared_ptr<const Image> image;     // null if not known
  std::shared_ptr<const Lineage> parent;  // null at the end
  unsigned depth = 1;                     // nodes from here to the end
};

struct Process {
  ProcessKey key;
  std::string guid;
  std::shared_ptr<const Image> image;      // null if not known
  std::shared_ptr<const Lineage> lineage;  // its parent's node; null if not known
  std::uint64_t exited = 0;                // CLOCK_BOOTTIME nanoseconds; 0: running

 private:
  friend class ProcessTable;
  std::shared_ptr<const Lineage> node_;  // its own node, made at its first fork, dropped at exec
};

class ProcessTable {
 public:
  static constexpr unsigned kLineageLimit = 64;  // nodes kept in a chain
  static constexpr unsigned kLineageCut = 24;    // nodes that remain when a chain is cut

  struct Limits {
    std::size_t processes = 32'768;
    std::size_t roomy_processes = 8'192;            // while there are no more than this …
    std::size_t arguments = 2'048;                  // … this much of the arguments is kept,
    std::size_t arguments_when_crowded = 256;       // else this much
    std::uint64_t keep_exited = 30'000'000'000ULL;  // nanoseconds
  };

  explicit ProcessTable(const base::Uuid& boot) : ProcessTable(boot, Limits{}) {}
  ProcessTable(const base::Uuid& boot, Limits limits) : boot_(boot), limits_(limits) {}

  // A child was made by `parent`: it begins with its parent's image. Idempotent.
  Process* forked(const ProcessKey& child, const ProcessKey& parent);
  // A program was executed; `kernel_parent` counts only if no fork was seen. Null if the table is full.
  Process* executed(const ProcessKey& process, const ProcessKey& kernel_parent, Image image);
  // Marks it as gone. False if it was gone already (the kernel may say it twice).
  bool exited(const ProcessKey& process, std::uint64_t time);
  // The processes that run, all of them, from a fresh look: what is not among them is gone (its exit was lost).
  void only_these_run(const std::vector<ProcessKey>& running, std::uint64_t time);
  // Forgets what exited long enough ago.
  void expire(std::uint64_t now);

  [[nodiscard]] const Process* find(const ProcessKey& process) const;
  [[nodiscard]] std::size_t size() const { return processes_.size(); }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] const base::Uuid& boot() const { return boot_; }

 private:
  Process* admit(const ProcessKey& key);
  std::shared_ptr<const Lineage> node_of(const ProcessKey& key);
  void trim(Image& image) const;

  base::Uuid boot_;
  Limits limits_;
  std::unordered_map<ProcessKey, Process> processes_;
  std::deque<std::pair<std::uint64_t, ProcessKey>> exits_;  // in order of exit
  std::uint64_t refused_ = 0;
};

}  // namespace hinomi::observe::endpoint
