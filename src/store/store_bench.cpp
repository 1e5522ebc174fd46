// Rows a second into the store, by rows a transaction: the reason why the corridor writes in batches.
#include <hinomi/store/store.hpp>

#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <filesystem>

namespace hinomi::store {
namespace {

void write_events(benchmark::State& state) {
  std::string folder = (base::fs::temp_directory_path() / "hinomi-store-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return state.SkipWithError("no folder");
  {
    const auto store = std::move(Store::open(folder).value());
    Rows rows;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      model::RecordedEvent one;
      one.event.id = {{}, 1, static_cast<std::uint64_t>(i) + 1};
      one.event.set(model::Field::process_guid, std::string_view(fmt::format("0123456789abcdef{:016x}", i)));
      one.event.set(model::Field::process_id, static_cast<std::uint64_t>(i));
      one.event.set(model::Field::process_executable, "/usr/bin/something");
      one.event.set(model::Field::process_arguments, std::string_view(fmt::format("something\0--number\0{}\0", i)));
      one.event.set(model::Field::process_sha256, base::sha256(std::to_string(i % 100)));
      one.event.set(model::Field::parent_executable, "/usr/bin/bash");
      one.provenance.organisation = model::OrganisationId::parse("city").value();
      one.provenance.system = model::SystemId::parse("pcs").value();
      rows.events.push_back(std::move(one));
    }
    std::uint64_t next = 0;
    for (auto _ : state)
      if (!store->write(rows, next, {"log", next + 1, "", ""})) return state.SkipWithError("write");
      else ++next;
    state.SetItemsProcessed(state.iterations() * state.range(0));
  }
  base::fs::remove_all(folder);
}
BENCHMARK(write_events)->Arg(100)->Arg(1000)->Arg(10'000)->Arg(100'000)->UseRealTime();

}  // namespace
}  // namespace hinomi::store
