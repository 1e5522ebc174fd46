// Checks a log from its files alone, every byte of it: the checkpoint's signature, every entry bundle and tile against
// a tree grown anew from the leaves, every record's checksum, that record and bundle hold the same leaf, that the root
// is the signed one. For owners and auditors; the writer may go on meanwhile.
// Owns:    nothing; writes nothing.
// Threads: a free function; memory is bounded by one bundle and one record.
// Fails:   Errc::corrupt with the first bad entry, tile or segment; Errc::forbidden or unauthenticated for the
// checkpoint; what the callback returns.
#pragma once

#include <hinomi/tlog/tlog.hpp>

#include <optional>

namespace hinomi::tlog {

struct Audit {
  std::uint64_t entries = 0;        // all of the checkpoint's
  std::uint64_t payloads = 0;       // of them, how many still have their payload
  std::uint64_t first_payload = 0;  // retention removed those before
  std::uint64_t tiles = 0;
  std::uint64_t segments = 0;
  Signed checkpoint;
};

// Called for every entry in order, with the payload if it is still there: what a leaf commits to is the caller's to
// check.
using EntryCheck =
    std::function<base::Status(std::uint64_t index, base::ByteView leaf, const std::optional<base::ByteView>& payload)>;
using Progress = std::function<void(std::uint64_t done, std::uint64_t size)>;  // about every 256 entries

base::Result<Audit> verify_log(const base::fs::path& folder, std::string_view origin, const proof::VerifierKey& key,
                               const EntryCheck& check = {}, const Progress& progress = {});

}  // namespace hinomi::tlog
