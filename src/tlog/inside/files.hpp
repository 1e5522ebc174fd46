// Writing the files that follow from segments: a temporary in the log's folder, then a rename; no sync.
// Owns:    nothing. Threads: one writer a folder (the temporary has one name).
// Fails:   Errc::full, Errc::io.
#pragma once

#include <hinomi/base/file.hpp>
#include <hinomi/tlog/inside/frontier.hpp>

#include <functional>
#include <string>
#include <vector>

namespace hinomi::tlog {

// The folder's mode that goes with a file's: who may read may search.
unsigned folder_mode(unsigned file_mode);
// Makes the folder and its parents; keeps the set-group-id bit that a new folder takes from its parent.
base::Status make_log_folder(const base::fs::path& path, unsigned file_mode);
base::Status write_derived(const base::fs::path& folder, const std::string& name, base::ByteView content,
                           unsigned mode);

// Writes tiles and bundles, and remembers which became full, so that their partial forms can go after the commit.
class TileFiles final : public TileSink {
 public:
  TileFiles(base::fs::path folder, unsigned mode) : folder_(std::move(folder)), mode_(mode) {}
  base::Status tile(unsigned level, std::uint64_t index, unsigned width, base::ByteView hashes) override;
  base::Status entries(std::uint64_t index, unsigned width, base::ByteView bundle) override;
  // Another file that follows from segments and does not change.
  base::Status file(std::string name, base::ByteView content);
  // Removes the partial forms of the tiles that became full since the last call, or forgets them.
  void remove_partials();
  void forget() { full_.clear(); }
  // Makes every full tile and other file written since the last call durable, file by file: syncfs(2) would wait for all
  // that others write to the same file system, too. `sync` as fdatasync(2).
  base::Status sync(const std::function<int(int)>& sync);

 private:
  base::Status write(std::string name, unsigned width, base::ByteView content);
  const base::fs::path folder_;
  const unsigned mode_;
  std::vector<std::string> full_;
  std::vector<std::string> unsynced_;
};

}  // namespace hinomi::tlog
