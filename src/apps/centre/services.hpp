// What people make the centre do, done by its rooms.
// Owns:    nothing but what it says. Threads: any.
#pragma once

#include <acts.hpp>
#include <config.hpp>
#include <line.hpp>
#include <rederive.hpp>

#include <hinomi/access/certificate_authority.hpp>
#include <hinomi/console/services.hpp>
#include <hinomi/publish/shelf.hpp>

namespace hinomi::centre {

class Operations final : public console::Operations {
 public:
  struct Parts {
    const Config& config;
    Acts& acts;
    access::Access& access;
    const access::CertificateAuthority& authority;
    const store::Store& store;
    const detect::Plan& plan;
    Rederive& rederive;
    std::function<Line*(const model::OrganisationId&)> line;
    const base::Clock& clock;
    base::Random& random;
  };
  explicit Operations(Parts parts) : parts_(std::move(parts)) {}
  [[nodiscard]] console::About about() const override;
  [[nodiscard]] std::vector<console::RuleRow> rules() const override;
  [[nodiscard]] std::optional<console::RuleText> rule(std::string_view id, const base::Digest& digest) const override;
  base::Result<model::Indicator> publish(const access::Principal& who, const model::Indicator& indicator) override;
  base::Result<std::string> rederive(const access::Principal& who) override;
  [[nodiscard]] base::Result<console::RederiveState> rederive_state(std::string_view job) const override {
    return parts_.rederive.state(job);
  }
  base::Result<std::string> make_token(const access::Principal& who, const console::TokenRequest& request) override;
  base::Status make_account(const access::Principal& who, const console::AccountRequest& request) override;
  base::Result<std::string> make_login_link(const access::Principal& who, std::string_view account) override;
  base::Result<std::string> make_api_key(const access::Principal& who, std::string_view account) override;
  base::Status revoke(const access::Principal& who, const model::SensorId& sensor) override;
  // The one account of a new centre, and the link by which its owner gets in.
  base::Result<std::string> first_login();

 private:
  Parts parts_;
};

// Puts a published indicator out, with the rules that it rests on.
base::Status shelve(publish::Shelf& shelf, const store::Store& store, const model::Indicator& indicator);

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace hinomi::centre
