// RFC 6962 section 2.1 reads: split n leaves at k, the largest power of two below n; the left part is complete. Every
// function below is that one recursion, cut short where a part is a complete, aligned subtree that the source knows.
#include <hinomi/proof/tree.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <bit>

namespace hinomi::proof {

using base::Errc;
using base::fail;
using base::Result;
using base::Status;

Hash leaf_hash(base::ByteView leaf) { return base::sha256({base::ByteView("\0", 1), leaf}); }
Hash node_hash(const Hash& left, const Hash& right) {
  return base::sha256({base::ByteView("\1", 1), left.bytes(), right.bytes()});
}
Hash empty_root() { return base::sha256(base::ByteView()); }

namespace {

// The largest power of two smaller than n, for n >= 2.
std::uint64_t split_of(std::uint64_t n) { return std::bit_floor(n - 1); }

// MTH of the leaves [begin, begin + count), where begin is a multiple of the power of two that is not below count.
Result<Hash> range_hash(const HashSource& source, std::uint64_t begin, std::uint64_t count) {
  if (std::has_single_bit(count)) {
    const auto level = static_cast<unsigned>(std::countr_zero(count));
    return source.hash(level, begin >> level);
  }
  const std::uint64_t k = split_of(count);
  const Hash left = TRY(range_hash(source, begin, k));
  const Hash right = TRY(range_hash(source, begin + k, count - k));
  return node_hash(left, right);
}

// PATH(m, D[begin : begin + count]) of section 2.1.1, m counted from begin.
Status add_inclusion(const HashSource& source, std::uint64_t m, std::uint64_t begin, std::uint64_t count,
                     std::vector<Hash>& path) {
  if (count == 1) return {};
  const std::uint64_t k = split_of(count);
  if (m < k) {
    TRY_VOID(add_inclusion(source, m, begin, k, path));
    path.push_back(TRY(range_hash(source, begin + k, count - k)));
  } else {
    TRY_VOID(add_inclusion(source, m - k, begin + k, count - k, path));
    path.push_back(TRY(range_hash(source, begin, k)));
  }
  return {};
}

// SUBPROOF(m, D[begin : begin + count], whole) of section 2.1.2; `whole`: the old tree's root is this subtree's.
Status add_consistency(const HashSource& source, std::uint64_t m, std::uint64_t begin, std::uint64_t count, bool whole,
                       std::vector<Hash>& path) {
  if (m == count) {
    if (!whole) path.push_back(TRY(range_hash(source, begin, count)));
    return {};
  }
  const std::uint64_t k = split_of(count);
  if (m <= k) {
    TRY_VOID(add_consistency(source, m, begin, k, whole, path));
    path.push_back(TRY(range_hash(source, begin + k, count - k)));
  } else {
    TRY_VOID(add_consistency(source, m - k, begin + k, count - k, false, path));
    path.push_back(TRY(range_hash(source, begin, k)));
  }
  return {};
}

}  // namespace

Result<Hash> root_of(const HashSource& source, std::uint64_t size) {
  if (size == 0) return empty_root();
  return range_hash(source, 0, size);
}

Result<std::vector<Hash>> make_inclusion(const HashSource& source, std::uint64_t index, std::uint64_t size) {
  if (index >= size) return fail(Errc::invalid_argument, fmt::format("no leaf {} in a tree of {} leaves", index, size));
  std::vector<Hash> path;
  TRY_VOID(add_inclusion(source, index, 0, size, path));
  return path;
}

Result<std::vector<Hash>> make_consistency(const HashSource& source, std::uint64_t old_size, std::uint64_t size) {
  if (old_size > size)
    return fail(Errc::invalid_argument, fmt::format("a tree of {} leaves cannot grow from {}", size, old_size));
  std::vector<Hash> path;
  if (old_size == 0 || old_size == size) return path;
  TRY_VOID(add_consistency(source, old_size, 0, size, true, path));
  return path;
}

Status verify_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size, std::span<const Hash> path,
                        const Hash& root) {
  // Step numbers: RFC 9162 section 2.1.3.2.
  if (index >= size) return fail(Errc::malformed, fmt::format("no leaf {} in a tree of {} leaves", index, size));  // 1
  std::uint64_t fn = index;                                                                                        // 2
  std::uint64_t sn = size - 1;
  Hash r = leaf;                // 3
  for (const Hash& p : path) {  // 4
    if (sn == 0) return fail(Errc::malformed, "the inclusion proof is too long");
    if ((fn & 1U) != 0 || fn == sn) {
      r = node_hash(p, r);
      while ((fn & 1U) == 0 && fn != 0) fn >>= 1U, sn >>= 1U;
    } else {
      r = node_hash(r, p);
    }
    fn >>= 1U, sn >>= 1U;
  }
  if (sn != 0) return fail(Errc::malformed, "the inclusion proof is too short");  // 5
  if (r != root)
    return fail(
        Errc::forbidden,
        fmt::format("the inclusion proof of leaf {} does not lead to the root of the tree of {} leaves", index, size));
  return {};
}

Status verify_consistency(std::uint64_t old_size, const Hash& old_root, std::uint64_t size, const Hash& root,
                          std::span<const Hash> path) {
  const auto differs = [&](std::string_view which) {
    return fail(Errc::conflict, fmt::format("the trees of {} and {} leaves are not consistent: {} root differs",
                                            old_size, size, which));
  };
  if (old_size > size)
    return fail(Errc::malformed, fmt::format("a tree of {} leaves cannot grow from {}", size, old_size));
  if (old_size == 0 || old_size == size) {
    if (!path.empty()) return fail(Errc::malformed, "the consistency proof is too long");
    if (old_size == 0 && old_root != empty_root()) return differs("the empty tree's");
    if (size == 0 && root != empty_root()) return differs("the empty tree's");
    if (old_size == size && old_root != root) return differs("the");
    return {};
  }
  // Step numbers: RFC 9162 section 2.1.4.2.
  if (path.empty()) return fail(Errc::malformed, "the consistency proof is empty");  // 1
  const bool complete = std::has_single_bit(old_size);                               // 2: prepend the old root
  std::uint64_t fn = old_size - 1;                                                   // 3
  std::uint64_t sn = size - 1;
  while ((fn & 1U) != 0) fn >>= 1U, sn >>= 1U;   // 4
  Hash fr = complete ? old_root : path.front();  // 5
  Hash sr = fr;
  for (const Hash& c : path.subspan(complete ? 0 : 1)) {  // 6
    if (sn == 0) return fail(Errc::malformed, "the consistency proof is too long");
    if ((fn & 1U) != 0 || fn == sn) {
      fr = node_hash(c, fr);
      sr = node_hash(c, sr);
      while ((fn & 1U) == 0 && fn != 0) fn >>= 1U, sn >>= 1U;
    } else {
      sr = node_hash(sr, c);
    }
    fn >>= 1U, sn >>= 1U;
  }
  if (sn != 0) return fail(Errc::malformed, "the consistency proof is too short");  // 7
  if (fr != old_root) return differs("the old");
  if (sr != root) return differs("the new");
  return {};
}

Result<CompactTree> CompactTree::resume(const HashSource& source, std::uint64_t size) {
  CompactTree tree;
  tree.size_ = size;
  std::uint64_t begin = 0;
  while (begin < size) {
    const std::uint64_t count = std::bit_floor(size - begin);
    tree.peaks_.push_back(TRY(range_hash(source, begin, count)));
    begin += count;
  }
  return tree;
}

void CompactTree::append(const Hash& leaf) {
  Hash carried = leaf;
  for (std::uint64_t bits = size_; (bits & 1U) != 0; bits >>= 1U) {
    carried = node_hash(peaks_.back(), carried);
    peaks_.pop_back();
  }
  peaks_.push_back(carried);
  ++size_;
}

Hash CompactTree::root() const {
  if (peaks_.empty()) return empty_root();
  Hash root = peaks_.back();
  for (std::size_t i = peaks_.size() - 1; i-- > 0;) root = node_hash(peaks_[i], root);
  return root;
}

}  // namespace hinomi::proof
