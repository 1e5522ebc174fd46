#include <hinomi/publish/key_door.hpp>

namespace hinomi::publish {

base::Result<access::Principal> KeyDoor::principal(std::string_view account, std::string_view key) const {
  access::Principal who = TRY(access_.principal_of_key(key));
  if (!account.empty() && account != who.account)
    return base::fail(base::Errc::unauthenticated, "this key belongs to another account");
  return who;
}

}  // namespace hinomi::publish
