// Appends a second from leaf to signed checkpoint, in groups of 1, 100 and 1000, on the disk of the temporary folder;
// then what readers pay: an inclusion proof, a payload, opening a log of a million entries.
#include <hinomi/tlog/tlog.hpp>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <unistd.h>

namespace {

using namespace hinomi;

const proof::SigningKey& key() {
  static base::SystemRandom random;
  static const proof::SigningKey made = proof::SigningKey::generate("bench", random);
  return made;
}

class Folder {
 public:
  Folder() {
    std::string name = (base::fs::temp_directory_path() / "hinomi-tlog-bench.XXXXXX").string();
    HINOMI_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { base::fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const base::fs::path& path() const { return path_; }

 private:
  base::fs::path path_;
};

void append_group(tlog::TileLog& log, std::int64_t group) {
  static const base::Bytes leaf(200, 'l');
  static const base::Bytes payload(1000, 'p');
  for (std::int64_t i = 0; i < group; ++i) HINOMI_CHECK(log.append(leaf, payload).has_value());
  HINOMI_CHECK(log.commit().has_value());
}

void leaf_to_signed_checkpoint(benchmark::State& state) {
  const Folder folder;
  auto log = *tlog::TileLog::open(folder.path(), {.origin = "bench", .tiles_at_commit = state.range(1) != 0}, key());
  for (auto _ : state) append_group(*log, state.range(0));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(leaf_to_signed_checkpoint)
    ->ArgNames({"group", "partial_tiles"})
    ->ArgsProduct({{1, 100, 1000}, {1, 0}})
    ->UseRealTime();

// The peer: the same bytes appended to a bare file, one fdatasync a group. No log on this disk can be faster.
void bare_append_and_sync(benchmark::State& state) {
  const Folder folder;
  const base::Descriptor file(
      ::open((folder.path() / "bare").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const base::Bytes group(static_cast<std::size_t>(state.range(0)) * 1236, 'b');
  for (auto _ : state) HINOMI_CHECK(base::write_all(file.get(), group).has_value() && ::fdatasync(file.get()) == 0);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(bare_append_and_sync)->ArgName("group")->Arg(1)->Arg(100)->Arg(1000)->UseRealTime();

// A million entries of 200 + 100 bytes, once for all that read it.
const base::fs::path& million() {
  static const Folder folder;
  static const bool filled = [] {
    auto log = *tlog::TileLog::open(folder.path(), {.origin = "bench", .tiles_at_commit = false}, key());
    for (int i = 0; i < 1'000'000; ++i) {
      HINOMI_CHECK(log->append(fmt::format("{:0200}", i), base::Bytes(100, 'p')).has_value());
      if (i % 1000 == 999) HINOMI_CHECK(log->commit().has_value());
    }
    return true;
  }();
  HINOMI_CHECK(filled);
  return folder.path();
}

void open_a_million(benchmark::State& state) {
  million();
  for (auto _ : state)
    benchmark::DoNotOptimize(tlog::TileLog::open(million(), {.origin = "bench"}, key())->get()->size());
}
BENCHMARK(open_a_million)->Unit(benchmark::kMillisecond)->UseRealTime();

void inclusion_in_a_million(benchmark::State& state) {
  const auto log = *tlog::TileLog::open(million(), {.origin = "bench"}, key());
  std::uint64_t index = 0;
  for (auto _ : state) benchmark::DoNotOptimize(log->inclusion((index += 7919) % log->size(), log->size()));
}
BENCHMARK(inclusion_in_a_million);

void payload_in_a_million(benchmark::State& state) {
  const auto log = *tlog::TileLog::open(million(), {.origin = "bench"}, key());
  std::uint64_t index = 0;
  for (auto _ : state) benchmark::DoNotOptimize(log->payload((index += 7919) % log->size()));
}
BENCHMARK(payload_in_a_million);

}  // namespace
