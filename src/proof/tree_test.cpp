#include <hinomi/proof/tree.hpp>

#include <fmt/core.h>
#include <gtest/gtest.h>

namespace hinomi::proof {
namespace {

constexpr std::uint64_t kLargest = 70;  // every pair of sizes up to here: crosses 64, so seven levels

// MTH of RFC 6962 section 2.1, word for word: the oracle that shares no code with the room but its two hash functions.
Hash naive_root(std::span<const Hash> leaves) {
  if (leaves.empty()) return base::sha256("");
  if (leaves.size() == 1) return leaves[0];
  std::size_t k = 1;
  while (k * 2 < leaves.size()) k *= 2;
  return node_hash(naive_root(leaves.first(k)), naive_root(leaves.subspan(k)));
}

class Naive final : public HashSource {
 public:
  explicit Naive(std::uint64_t size) {
    for (std::uint64_t i = 0; i < size; ++i) leaves_.push_back(leaf_hash(fmt::format("leaf {}", i)));
  }
  [[nodiscard]] std::span<const Hash> first(std::uint64_t size) const { return std::span(leaves_).first(size); }
  [[nodiscard]] const Hash& leaf(std::uint64_t i) const { return leaves_[i]; }
  [[nodiscard]] base::Result<Hash> hash(unsigned level, std::uint64_t index) const override {
    const std::uint64_t width = std::uint64_t{1} << level;
    if ((index + 1) * width > leaves_.size())
      return base::fail(base::Errc::internal, "asked for an incomplete subtree");
    return naive_root(std::span(leaves_).subspan(index * width, width));
  }

 private:
  std::vector<Hash> leaves_;
};

Hash flipped(Hash hash, unsigned bit) {
  hash.octets.at(bit / 8) ^= static_cast<std::uint8_t>(1U << bit % 8);
  return hash;
}

TEST(Tree, roots_of_sizes_0_to_8_are_certificate_transparencys) {
  const std::vector<std::string> leaves = {
      "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
  const std::vector<std::string> roots = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                                          "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                          "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                          "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                          "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                          "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                          "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                          "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  CompactTree tree;
  EXPECT_EQ(tree.root().hex(), roots[0]);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    tree.append(leaf_hash(base::from_hex(leaves[i]).value()));
    EXPECT_EQ(tree.root().hex(), roots[i + 1]) << i + 1;
  }
  EXPECT_EQ(tree.size(), 8);
}

TEST(Tree, every_root_up_to_70_leaves_is_the_naive_one_grown_resumed_or_asked) {
  const Naive naive(kLargest);
  CompactTree grown;
  for (std::uint64_t size = 0; size <= kLargest; ++size) {
    const Hash expected = naive_root(naive.first(size));
    EXPECT_EQ(grown.root(), expected) << size;
    EXPECT_EQ(root_of(naive, size).value(), expected) << size;
    CompactTree resumed = CompactTree::resume(naive, size).value();
    EXPECT_EQ(resumed.root(), expected) << size;
    if (size == kLargest) break;
    resumed.append(naive.leaf(size));
    EXPECT_EQ(resumed.root(), naive_root(naive.first(size + 1))) << size;
    grown.append(naive.leaf(size));
  }
}

TEST(Inclusion, every_leaf_of_every_tree_up_to_70_verifies_and_nothing_else_does) {
  const Naive naive(kLargest);
  for (std::uint64_t size = 1; size <= kLargest; ++size) {
    const Hash root = naive_root(naive.first(size));
    for (std::uint64_t index = 0; index < size; ++index) {
      const std::vector<Hash> path = make_inclusion(naive, index, size).value();
      ASSERT_TRUE(verify_inclusion(naive.leaf(index), index, size, path, root).has_value()) << index << " of " << size;
      const auto refused = [&](const Hash& leaf, std::uint64_t i, std::span<const Hash> p, const Hash& r) {
        EXPECT_FALSE(verify_inclusion(leaf, i, size, p, r).has_value()) << index << " of " << size;
      };
      refused(flipped(naive.leaf(index), static_cast<unsigned>(index) % 256), index, path, root);
      refused(naive.leaf(index), index, path, flipped(root, static_cast<unsigned>(size) % 256));
      for (std::uint64_t other = 0; other < size + 2; ++other)
        if (other != index) refused(naive.leaf(index), other, path, root);
      for (std::size_t i = 0; i < path.size(); ++i) {
        std::vector<Hash> changed = path;
        changed[i] = flipped(changed[i], static_cast<unsigned>(index + i) % 256);
        refused(naive.leaf(index), index, changed, root);
        changed = path;
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
        refused(naive.leaf(index), index, changed, root);
      }
      std::vector<Hash> longer = path;
      longer.push_back(root);
      refused(naive.leaf(index), index, longer, root);
      longer.pop_back();
      longer.insert(longer.begin(), root);
      refused(naive.leaf(index), index, longer, root);
    }
    EXPECT_EQ(make_inclusion(naive, size, size).error().code, base::Errc::invalid_argument);
  }
}

TEST(Inclusion, every_bit_of_a_path_counts) {
  const Naive naive(21);
  const Hash root = naive_root(naive.first(21));
  const std::vector<Hash> path = make_inclusion(naive, 13, 21).value();
  for (std::size_t i = 0; i < path.size(); ++i)
    for (unsigned bit = 0; bit < 256; ++bit) {
      std::vector<Hash> changed = path;
      changed[i] = flipped(changed[i], bit);
      EXPECT_EQ(verify_inclusion(naive.leaf(13), 13, 21, changed, root).error().code, base::Errc::forbidden);
    }
}

TEST(Consistency, every_pair_of_trees_up_to_70_verifies_and_nothing_else_does) {
  const Naive naive(kLargest);
  for (std::uint64_t size = 0; size <= kLargest; ++size) {
    const Hash root = naive_root(naive.first(size));
    for (std::uint64_t old = 0; old <= size; ++old) {
      const Hash old_root = naive_root(naive.first(old));
      const std::vector<Hash> path = make_consistency(naive, old, size).value();
      ASSERT_TRUE(verify_consistency(old, old_root, size, root, path).has_value()) << old << " to " << size;
      const auto refused = [&](const Hash& o, const Hash& n, std::span<const Hash> p) {
        EXPECT_FALSE(verify_consistency(old, o, size, n, p).has_value()) << old << " to " << size;
      };
      refused(flipped(old_root, static_cast<unsigned>(old) % 256), root, path);
      if (old > 0) refused(old_root, flipped(root, static_cast<unsigned>(size) % 256), path);
      for (std::size_t i = 0; i < path.size(); ++i) {
        std::vector<Hash> changed = path;
        changed[i] = flipped(changed[i], static_cast<unsigned>(old + i) % 256);
        refused(old_root, root, changed);
        changed = path;
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
        refused(old_root, root, changed);
      }
      std::vector<Hash> longer = path;
      longer.push_back(root);
      refused(old_root, root, longer);
      longer.pop_back();
      longer.insert(longer.begin(), root);
      refused(old_root, root, longer);
    }
    EXPECT_FALSE(make_consistency(naive, size + 1, size).has_value());
    EXPECT_FALSE(verify_consistency(size + 1, root, size, root, {}).has_value());
  }
}

TEST(Consistency, a_rewritten_past_is_a_conflict) {
  const Naive naive(12);
  std::vector<Hash> rewritten(naive.first(12).begin(), naive.first(12).end());
  rewritten[3] = leaf_hash("another");
  const auto path = make_consistency(naive, 8, 12).value();
  const auto status = verify_consistency(8, naive_root(naive.first(8)), 12, naive_root(rewritten), path);
  EXPECT_EQ(status.error().code, base::Errc::conflict);
}

TEST(Verify, sizes_near_2_to_the_64_end_and_are_refused) {
  const std::vector<Hash> path(kMaxPath, leaf_hash("x"));
  const std::uint64_t huge = ~std::uint64_t{0};
  EXPECT_FALSE(verify_inclusion(leaf_hash("x"), huge - 1, huge, path, leaf_hash("x")).has_value());
  EXPECT_FALSE(verify_inclusion(leaf_hash("x"), huge, huge, path, leaf_hash("x")).has_value());
  EXPECT_FALSE(verify_consistency(huge - 1, leaf_hash("x"), huge, leaf_hash("x"), path).has_value());
  EXPECT_FALSE(verify_consistency(std::uint64_t{1} << 63U, leaf_hash("x"), huge, leaf_hash("x"), path).has_value());
}

}  // namespace
}  // namespace hinomi::proof
