// Durable batches a second by senders that wait at the same time: what group commit is for.
#include <hinomi/evidence/evidence.hpp>

#include <benchmark/benchmark.h>

#include <thread>

namespace hinomi::evidence {
namespace {

void append_batches(benchmark::State& state) {
  std::string folder = (base::fs::temp_directory_path() / "hinomi-evidence-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return state.SkipWithError("no folder");
  {
    base::SystemRandom random;
    const base::SystemClock clock;
    const auto organisation = model::OrganisationId::parse("city").value();
    const auto log = EvidenceLog::open(folder, "bench/evidence/city", organisation,
                                       proof::SigningKey::generate("bench", random), clock)
                         .value();
    const Draft draft{
        .kind = EntryKind::batch, .system = {}, .sensor = std::nullopt, .payload = random.bytes(64U << 10)};
    constexpr int kEach = 20;
    for (auto _ : state) {
      std::vector<std::thread> senders;
      for (std::int64_t i = 0; i < state.range(0); ++i)
        senders.emplace_back([&] {
          for (int n = 0; n < kEach; ++n)
            if (!log->append(draft)) return;
        });
      for (std::thread& sender : senders) sender.join();
    }
    state.SetItemsProcessed(state.iterations() * state.range(0) * kEach);
  }
  base::fs::remove_all(folder);
}
BENCHMARK(append_batches)->Arg(1)->Arg(8)->Arg(64)->UseRealTime();

}  // namespace
}  // namespace hinomi::evidence
