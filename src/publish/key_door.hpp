// The feed's doorkeeper over access: API keys, by bearer or as the password of their own account.
// Owns:    nothing; borrows Access. Threads: any.
#pragma once

#include <hinomi/access/access.hpp>
#include <hinomi/publish/taxii.hpp>

namespace hinomi::publish {

class KeyDoor final : public Doorkeeper {
 public:
  explicit KeyDoor(const access::Access& access) : access_(access) {}
  [[nodiscard]] base::Result<access::Principal> principal(std::string_view account,
                                                          std::string_view key) const override;

 private:
  const access::Access& access_;
};

}  // namespace hinomi::publish
