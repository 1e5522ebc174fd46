// The kernel side, loaded: programs attached, rings mapped, counters read.
// Each hook stands alone: one that this kernel lacks or refuses is off with a reason, the others run.
// Owns:    programs, maps, links and ring mappings; all are gone when this is destroyed.
// Threads: one, but wake() (any).
// Fails:   Errc::forbidden (no right to load BPF), Errc::unsupported (no BTF, or no process hook loads).
#pragma once

#include <hinomi/base/bytes.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hinomi::observe::endpoint {

struct HookStatus {
  std::string name;
  bool is_on = false;
  std::string reason;  // why it is off
};

// What happened to records of one kind since loading; seen = handed up + lost + muted.
struct KindCount {
  std::string name;  // as the event kind is called
  bool is_process = false;
  std::uint64_t seen = 0, lost = 0, muted = 0;
};

// What one hook cost, while kernel.bpf_stats_enabled is on; and how often the kernel left it out because it was running
// on that CPU already (always counted).
struct HookCost {
  std::string name;
  std::uint64_t runs = 0, nanoseconds = 0, missed = 0;
};

// Records taken out of the rings, in one block.
struct RecordBatch {
  struct Place {
    std::uint64_t time = 0;
    std::size_t offset = 0, size = 0;
  };
  std::string bytes;
  std::vector<Place> places;
  void add(base::ByteView record, std::uint64_t time) {
    places.push_back({.time = time, .offset = bytes.size(), .size = record.size()});
    bytes += record;
  }
  void clear() {
    bytes.clear();
    places.clear();
  }
};

struct KernelOptions {
  bool connects = true;  // neither: the network's hooks are not loaded
  bool accepts = true;
  std::size_t process_ring = 8U << 20;  // bytes; raised to the next power of two
  std::size_t network_ring = 4U << 20;
  std::vector<std::uint32_t> muted_processes;  // thread-group ids, at most 256
  std::vector<std::uint64_t> muted_cgroups;    // cgroup v2 ids, at most 256
};

class Kernel {
 public:
  static base::Result<std::unique_ptr<Kernel>> open(const KernelOptions& options);
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  // Sleeps until a ring fills, wake() is called or the time is over.
  void wait(std::chrono::milliseconds limit);
  void wake();
  // Appends what the rings hold: the network's first, so that every process record that came before one of them is in
  // the batch too. At most about 16 MiB a call; true if there may be more.
  bool drain(RecordBatch& batch);
  // The records of all running processes (iterator); unsupported if that hook is off.
  base::Result<base::Bytes> running_processes();
  // Notes the sockets that listen already with the processes that hold them.
  base::Status note_listeners();
  // No hook runs after this; the rings keep what they hold.
  void detach();

  [[nodiscard]] std::vector<KindCount> counts() const;
  [[nodiscard]] std::vector<HookCost> costs() const;
  [[nodiscard]] const std::vector<HookStatus>& hooks() const;
  // "name:sha256" of each BPF object, as built in.
  static std::vector<std::string> programs();

 private:
  struct State;
  explicit Kernel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hinomi::observe::endpoint
