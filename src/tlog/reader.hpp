// Reads a log that another process writes, as of the newest checkpoint that refresh() found: takes no lock, writes
// nothing, trusts nothing but the key. Each refresh reads the new entries' records, so that the tree it answers from
// is its own.
// Owns:    nothing on disk.
// Threads: one thread refreshes; read functions may be called from any thread.
// Fails:   Errc::not_found if there is no log yet, Errc::corrupt, Errc::forbidden or unauthenticated for another key's
// log, Errc::conflict if the log went back or was rewritten.
#pragma once

#include <hinomi/tlog/tlog.hpp>

namespace hinomi::tlog {

class LogReader {
 public:
  static base::Result<std::unique_ptr<LogReader>> open(base::fs::path folder, std::string origin,
                                                       const proof::VerifierKey& key);
  ~LogReader();
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  // Takes the newest checkpoint if it follows from what was read before; the size then. On failure nothing changes.
  base::Result<std::uint64_t> refresh();

  // As TileLog's.
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] Signed signed_checkpoint() const;
  [[nodiscard]] base::Result<base::Bytes> leaf(std::uint64_t index) const;
  [[nodiscard]] base::Result<base::Bytes> payload(std::uint64_t index) const;
  [[nodiscard]] base::Result<std::vector<proof::Hash>> inclusion(std::uint64_t index, std::uint64_t size) const;
  [[nodiscard]] base::Result<std::vector<proof::Hash>> consistency(std::uint64_t old_size, std::uint64_t size) const;
  [[nodiscard]] base::Result<proof::Hash> root(std::uint64_t size) const;

 private:
  struct State;
  explicit LogReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hinomi::tlog
