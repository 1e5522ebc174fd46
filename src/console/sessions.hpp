// Who is logged in: sessions in memory, known by the digest of their cookie alone.
// A session ends when it was not used for `idle`, at `absolute` after its start, at logout, or at a restart.
// Owns:    the sessions. Threads: any.
// Limits:  `most` sessions, `most_each` an account; the least recently used one makes room.
#pragma once

#include <hinomi/base/digest.hpp>
#include <hinomi/base/mutex.hpp>
#include <hinomi/base/random.hpp>
#include <hinomi/base/time.hpp>

#include <map>
#include <optional>
#include <string>

namespace hinomi::console {

struct SessionLimits {
  std::int64_t idle_seconds = 60 * 60;
  std::int64_t absolute_seconds = 12 * 60 * 60;
  std::size_t most = 1000;
  std::size_t most_each = 10;
};

class Sessions {
 public:
  Sessions(SessionLimits limits, const base::Clock& clock, base::Random& random)
      : limits_(limits), clock_(clock), random_(random) {}
  // The new session's secret: 32 random bytes in base64url.
  std::string begin(const std::string& account);
  // The account of a live session, which is thereby used.
  std::optional<std::string> account_of(std::string_view secret);
  void end(std::string_view secret);
  void end_all_of(std::string_view account);
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] const SessionLimits& limits() const { return limits_; }

 private:
  struct Session {
    std::string account;
    base::Time begun, used;
  };
  void forget_ended(base::Time now) HINOMI_REQUIRES(mutex_);
  void make_room(std::size_t most, const std::string* account) HINOMI_REQUIRES(mutex_);

  const SessionLimits limits_;
  const base::Clock& clock_;
  base::Random& random_;
  mutable base::Mutex mutex_;
  std::map<base::Digest, Session> sessions_ HINOMI_GUARDED_BY(mutex_);
};

}  // namespace hinomi::console
