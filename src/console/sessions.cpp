#include <hinomi/console/sessions.hpp>

namespace hinomi::console {

void Sessions::forget_ended(base::Time now) {
  std::erase_if(sessions_, [&](const auto& item) {
    const Session& session = item.second;
    return session.used.plus_seconds(limits_.idle_seconds) <= now ||
           session.begun.plus_seconds(limits_.absolute_seconds) <= now;
  });
}

// Ends the least recently used of the account's sessions, or of all, until there are fewer than `most`.
void Sessions::make_room(std::size_t most, const std::string* account) {
  while (true) {
    std::size_t count = 0;
    auto oldest = sessions_.end();
    for (auto at = sessions_.begin(); at != sessions_.end(); ++at) {
      if (account && at->second.account != *account) continue;
      ++count;
      if (oldest == sessions_.end() || at->second.used < oldest->second.used) oldest = at;
    }
    if (count < most || oldest == sessions_.end()) return;
    sessions_.erase(oldest);
  }
}

std::string Sessions::begin(const std::string& account) {
  const std::string secret = base::to_base64url(random_.bytes(32));
  const base::Time now = clock_.now();
  base::Lock lock(mutex_);
  forget_ended(now);
  make_room(limits_.most_each, &account);
  make_room(limits_.most, nullptr);
  sessions_[base::sha256(secret)] = {.account = account, .begun = now, .used = now};
  return secret;
}

std::optional<std::string> Sessions::account_of(std::string_view secret) {
  if (secret.empty() || secret.size() > 100) return std::nullopt;
  const base::Digest digest = base::sha256(secret);
  const base::Time now = clock_.now();
  base::Lock lock(mutex_);
  forget_ended(now);
  const auto found = sessions_.find(digest);
  if (found == sessions_.end()) return std::nullopt;
  found->second.used = now;
  return found->second.account;
}

void Sessions::end(std::string_view secret) {
  const base::Digest digest = base::sha256(secret);
  base::Lock lock(mutex_);
  sessions_.erase(digest);
}

void Sessions::end_all_of(std::string_view account) {
  base::Lock lock(mutex_);
  std::erase_if(sessions_, [&](const auto& item) { return item.second.account == account; });
}

std::size_t Sessions::size() const {
  base::Lock lock(mutex_);
  return sessions_.size();
}

}  // namespace hinomi::console
