#include <hinomi/tlog/inside/replay.hpp>

#include <fmt/core.h>

namespace hinomi::tlog {

using base::Bytes;
using base::Errc;
using base::fail;
using base::Result;

namespace {

struct Group {
  std::vector<Bytes> leaves;
  std::vector<proof::Hash> hashes;
  std::vector<std::uint64_t> offsets;
};

// Why this record cannot follow; empty if it can.
std::string wrong_record(const Record& record, const Frontier& frontier, const Group& group) {
  const std::uint64_t next = frontier.size() + group.leaves.size();
  if (record.header.kind == Kind::segment) return "a segment record in the middle";
  if (record.header.number != next) return fmt::format("a record numbered {} stands there", record.header.number);
  if (record.header.kind == Kind::entry) return {};
  proof::CompactTree tree = frontier.tree();
  for (const proof::Hash& hash : group.hashes) tree.append(hash);
  if (base::get_u64le(record.leaf.substr(32)) != frontier.size()) return "the group's end names another beginning";
  if (tree.root().bytes() != record.leaf.substr(0, 32)) return "the group's end names another root";
  return {};
}

}  // namespace

Result<Replay> replay(SegmentStream& stream, Frontier& frontier, TileSink* sink, std::uint64_t until) {
  Replay out{.end = stream.offset()};
  Group group;
  while (frontier.size() < until) {
    const std::uint64_t offset = stream.offset();
    const auto damaged = [&](std::string what) {
      out.damaged_offset = offset;
      out.damaged_entry = frontier.size() + group.leaves.size();
      out.damage = std::move(what);
    };
    const auto next = stream.next();
    if (!next && next.error().code != Errc::malformed) return fail(next.error());
    if (!next) {
      damaged(next.error().what);
      return out;
    }
    if (!next->has_value()) {
      out.at_end = group.leaves.empty();
      if (!out.at_end) damaged("the file ends within a group");
      return out;
    }
    const Record& record = **next;
    if (std::string wrong = wrong_record(record, frontier, group); !wrong.empty()) {
      damaged(std::move(wrong));
      return out;
    }
    if (record.header.kind == Kind::entry) {
      group.leaves.emplace_back(record.leaf);
      group.hashes.push_back(proof::leaf_hash(record.leaf));
      group.offsets.push_back(offset);
      continue;
    }
    for (std::size_t i = 0; i < group.leaves.size(); ++i)
      TRY_VOID(frontier.append(group.leaves[i], group.hashes[i], sink));
    out.offsets.insert(out.offsets.end(), group.offsets.begin(), group.offsets.end());
    out.end = stream.offset();
    group = {};
  }
  return out;
}

}  // namespace hinomi::tlog
