// What a proof costs: appending to a tree, making and verifying paths, signing and opening a checkpoint.
#include <hinomi/proof/checkpoint.hpp>

#include <benchmark/benchmark.h>

namespace {

using namespace hinomi;

void tree_append(benchmark::State& state) {
  proof::CompactTree tree;
  const base::Bytes leaf(180, 'l');
  for (auto _ : state) tree.append(proof::leaf_hash(leaf));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(tree_append);

void checkpoint_sign(benchmark::State& state) {
  base::SystemRandom random;
  const auto key = proof::SigningKey::generate("bench", random);
  const proof::Checkpoint checkpoint{.origin = "bench", .size = 1'000'000, .root = proof::empty_root()};
  for (auto _ : state) benchmark::DoNotOptimize(proof::sign_checkpoint(checkpoint, key));
}
BENCHMARK(checkpoint_sign);

void checkpoint_open(benchmark::State& state) {
  base::SystemRandom random;
  const auto key = proof::SigningKey::generate("bench", random);
  const std::string note = proof::sign_checkpoint({.origin = "bench", .size = 1, .root = proof::empty_root()}, key);
  const auto verifier = key.verifier();
  for (auto _ : state) benchmark::DoNotOptimize(proof::open_checkpoint(note, verifier, "bench"));
}
BENCHMARK(checkpoint_open);

void inclusion_verify(benchmark::State& state) {
  // The path of leaf 0 in a full tree of 2^20: twenty hashes, whatever they are.
  std::vector<proof::Hash> path(20, proof::leaf_hash("p"));
  proof::Hash root = proof::leaf_hash("l");
  for (const auto& hash : path) root = proof::node_hash(root, hash);
  for (auto _ : state)
    benchmark::DoNotOptimize(proof::verify_inclusion(proof::leaf_hash("l"), 0, 1U << 20U, path, root));
}
BENCHMARK(inclusion_verify);

}  // namespace
