// Principal: on whose behalf a request is made, and what that one may see and do.
// Threads: values.
#pragma once

#include <hinomi/model/ids.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace hinomi::access {

enum class Role : std::uint8_t {
  analyst,          // of the centre: sees all organisations, publishes, administers
  csirt,            // of one organisation: sees its own, publishes its own
  subscriber,       // sees what was published
  centre_operator,  // asks over the unix socket on the centre's own machine: as an analyst
};
std::string_view name_of(Role role);  // analyst, csirt, subscriber, operator
base::Result<Role> role_named(std::string_view name);

struct Principal {
  std::string account;
  Role role = Role::subscriber;
  std::optional<model::OrganisationId> organisation;  // csirt: always; subscriber: may be; others: none
  bool operator==(const Principal&) const = default;

  [[nodiscard]] bool sees_all() const { return role == Role::analyst || role == Role::centre_operator; }
  // Events, findings, hosts and unpublished indicators of this organisation.
  [[nodiscard]] bool may_see(const model::OrganisationId& whose) const {
    return sees_all() || (role == Role::csirt && organisation == whose);
  }
  [[nodiscard]] bool may_publish(const model::OrganisationId& whose) const { return may_see(whose); }
  // Tokens, accounts, keys, revocations, the centre's own acts.
  [[nodiscard]] bool may_administer() const { return sees_all(); }
};

}  // namespace hinomi::access
