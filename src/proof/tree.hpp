// Merkle trees as RFC 6962 section 2.1 defines them, over SHA-256: roots, inclusion paths and consistency paths are
// made from complete subtrees (which never change once they are full), and verified from nothing but hashes. A size or
// index is a count of leaves. A path is ordered from the leaf towards the root.
// Owns:    nothing.
// Threads: values and pure functions; a CompactTree belongs to one thread.
// Fails:   Errc::malformed for what cannot be a proof of these sizes, Errc::forbidden for an inclusion proof and
// Errc::conflict for a consistency proof that does not lead to the root; what a HashSource returns.
#pragma once

#include <hinomi/base/bytes.hpp>
#include <hinomi/base/digest.hpp>
#include <hinomi/base/result.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace hinomi::proof {

using Hash = base::Digest;

Hash leaf_hash(base::ByteView leaf);                  // SHA-256(0x00 || leaf)
Hash node_hash(const Hash& left, const Hash& right);  // SHA-256(0x01 || left || right)
Hash empty_root();                                    // SHA-256 of nothing: the root of a tree without leaves

// No path is longer: a tree has at most 2^64 - 1 leaves.
inline constexpr std::size_t kMaxPath = 64;

// Where the hashes of a tree come from. Asked for complete subtrees only: hash(level, index) is the root over the
// leaves [index << level, (index + 1) << level), all of which lie below the size that the caller named. Level 0: leaf
// hashes.
class HashSource {
 public:
  virtual ~HashSource() = default;
  [[nodiscard]] virtual base::Result<Hash> hash(unsigned level, std::uint64_t index) const = 0;
};

base::Result<Hash> root_of(const HashSource& source, std::uint64_t size);
// RFC 6962 section 2.1.1. invalid_argument unless index < size.
base::Result<std::vector<Hash>> make_inclusion(const HashSource& source, std::uint64_t index, std::uint64_t size);
// RFC 6962 section 2.1.2. invalid_argument unless old_size <= size. Empty for old_size 0 and for equal sizes.
base::Result<std::vector<Hash>> make_consistency(const HashSource& source, std::uint64_t old_size, std::uint64_t size);

// RFC 9162 section 2.1.3.2. `leaf` is the leaf's hash, not its bytes.
base::Status verify_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size, std::span<const Hash> path,
                              const Hash& root);
// RFC 9162 section 2.1.4.2. For old_size 0 the old root must be empty_root() and the path empty.
base::Status verify_consistency(std::uint64_t old_size, const Hash& old_root, std::uint64_t size, const Hash& root,
                                std::span<const Hash> path);

// The right edge of a growing tree: one hash for each bit set in the size, so 64 at most.
class CompactTree {
 public:
  CompactTree() = default;
  // The tree of the first `size` leaves of a source.
  static base::Result<CompactTree> resume(const HashSource& source, std::uint64_t size);

  void append(const Hash& leaf);
  [[nodiscard]] Hash root() const;
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash> peaks_;  // largest subtree first
};

}  // namespace hinomi::proof
