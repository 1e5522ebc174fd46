// Reads the groups of a segment in order and grows a tree by them: how the writer recovers and how a reader follows.
// Threads: a free function. Fails: Errc::io, what the sink returns. Damage is a value: whether it is a torn tail or
// corruption is the caller's to decide.
#pragma once

#include <hinomi/tlog/inside/segment.hpp>

#include <limits>

namespace hinomi::tlog {

struct Replay {
  std::vector<std::uint64_t> offsets;  // of the entries of whole groups
  std::uint64_t end = 0;               // offset behind the last whole group
  bool at_end = false;                 // the file ends there, too
  // What stands behind the last whole group, if anything: where and what is wrong.
  std::uint64_t damaged_offset = 0;
  std::uint64_t damaged_entry = 0;
  std::string damage;
};

// From where the stream stands, whole groups only, until the tree has `until` leaves or the segment ends.
base::Result<Replay> replay(SegmentStream& stream, Frontier& frontier, TileSink* sink,
                            std::uint64_t until = std::numeric_limits<std::uint64_t>::max());

}  // namespace hinomi::tlog
