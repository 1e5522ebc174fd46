// Kernel records in, Events out: joins each record with the process table, names, containers and digests.
// No threads, no kernel: what it says follows from the records it is given.
// Owns:    the process table and the user names; borrows the digester and the clock.
// Threads: one.
// Fails:   never.
#pragma once

#include <hinomi/base/time.hpp>
#include <hinomi/model/event.hpp>
#include <hinomi/observe/endpoint/digests.hpp>
#include <hinomi/observe/endpoint/host.hpp>
#include <hinomi/observe/endpoint/process_table.hpp>
#include <hinomi/observe/endpoint/record.hpp>

#include <bitset>
#include <vector>

namespace hinomi::observe::endpoint {

class Translator {
 public:
  static constexpr std::size_t kAncestorsShown = 16;

  // `kinds`: the kinds to speak of; empty means all. Processes are followed whatever they are.
  Translator(const base::Uuid& boot, const std::vector<model::EventKind>& kinds, Digester& digester,
             const base::Clock& clock, ProcessTable::Limits limits = {}, UserNames users = UserNames());

  // Wall clock = boot clock + offset, nanoseconds; follows the system's clock when that is set.
  void set_clock_offset(std::int64_t nanoseconds) { offset_ = nanoseconds; }

  void take(const Record& record, std::vector<model::Event>& out);
  void take(const DigestResult& result, std::vector<model::Event>& out);

  [[nodiscard]] bool speaks_of(model::EventKind kind) const { return kinds_.test(static_cast<std::size_t>(kind)); }
  [[nodiscard]] base::Time wall(std::uint64_t boot_nanoseconds) const {
    return {static_cast<std::int64_t>(boot_nanoseconds) + offset_};
  }
  ProcessTable& table() { return table_; }

 private:
  void take(const ExecRecord& record, std::vector<model::Event>& out);
  void take(const ForkRecord& record, std::vector<model::Event>& out);
  void take(const ExitRecord& record, std::vector<model::Event>& out);
  void take(const NetworkRecord& record, std::vector<model::Event>& out);
  model::Event begin(model::EventKind kind, std::uint64_t time) const;
  void set_identity(model::Event& event, const ProcessKey& key, const Process* process) const;
  static void set_ancestors(model::Event& event, const Lineage* parent);

  Digester& digester_;
  const base::Clock& clock_;
  ProcessTable table_;
  UserNames users_;
  std::bitset<32> kinds_;
  std::int64_t offset_ = 0;
};

}  // namespace hinomi::observe::endpoint
