#include <hinomi/access/secret.hpp>
#include <hinomi/console/console_testing.hpp>
#include <hinomi/console/over_rooms.hpp>

#include <gtest/gtest.h>

namespace hinomi::console {
namespace {

using testing::Folder;
using testing::HandClock;
using testing::organisation;

class OverRooms : public ::testing::Test {
 protected:
  OverRooms() {
    const auto key = proof::SigningKey::generate("hinomi.test", random_);
    evidence_ = evidence::Evidence::open(folder_.path / "logs", key, clock_, "hinomi.test").value();
    evidence_->create(organisation("city-hall")).value();
  }
  Folder folder_;
  HandClock clock_;
  base::SystemRandom random_;
  std::unique_ptr<evidence::Evidence> evidence_;
  access::Access access_;
};

TEST_F(OverRooms, a_login_link_is_used_up_in_the_log_before_it_counts) {
  AccessGate gate(access_, evidence_->centre(), clock_);
  EXPECT_FALSE(gate.has_account());
  ASSERT_TRUE(access_.apply(access::account_act("a", {.name = "rin", .role = access::Role::analyst}), clock_.now()));
  EXPECT_TRUE(gate.has_account());
  const std::string secret = access::make_login_secret(random_);
  const access::LoginLink link{
      .hash = access::hash_of_secret(secret), .account = "rin", .expires = clock_.now().plus_seconds(600)};
  ASSERT_TRUE(access_.apply(access::login_link_act("a", link), clock_.now()));
  EXPECT_EQ(gate.redeem_login("hinomi_login_wrong").error().code, base::Errc::unauthenticated);
  const std::uint64_t before = evidence_->centre().size();
  EXPECT_EQ(gate.redeem_login(secret).value().account, "rin");
  EXPECT_EQ(evidence_->centre().size(), before + 1);
  const auto entry = evidence_->centre().read(before).value();
  EXPECT_EQ(access::decode_act(entry.payload).value(), access::login_used_act(link));
  EXPECT_EQ(entry.payload.find(secret), std::string::npos) << "the secret is nowhere";
  EXPECT_EQ(gate.redeem_login(secret).error().code, base::Errc::unauthenticated) << "once";
}

TEST_F(OverRooms, a_login_link_is_old_after_ten_minutes) {
  AccessGate gate(access_, evidence_->centre(), clock_);
  ASSERT_TRUE(access_.apply(access::account_act("a", {.name = "rin", .role = access::Role::analyst}), clock_.now()));
  ASSERT_TRUE(access_.apply(
      access::login_link_act(
          "a", {.hash = access::hash_of_secret("s"), .account = "rin", .expires = clock_.now().plus_seconds(600)}),
      clock_.now()));
  clock_.time = clock_.time.plus_seconds(600);
  EXPECT_EQ(gate.redeem_login("s").error().code, base::Errc::unauthenticated);
}

TEST_F(OverRooms, an_entrys_proof_leads_to_the_signed_root) {
  evidence::EvidenceLog* log = evidence_->log(organisation("city-hall")).value();
  for (int i = 0; i < 5; ++i) {
    evidence::Draft draft;
    draft.payload = "payload " + std::to_string(i);
    ASSERT_TRUE(log->append(std::move(draft)));
  }
  EvidenceLogs logs(*evidence_);
  EXPECT_EQ(logs.list().size(), 2U);
  const LogProof proof = logs.entry("city-hall", 3).value();
  const auto vkey = proof::VerifierKey::parse(proof.checkpoint.vkey).value();
  const auto checkpoint = proof::open_checkpoint(proof.checkpoint.note, vkey, proof.checkpoint.origin).value();
  EXPECT_EQ(proof::leaf_hash(proof.leaf), proof.leaf_hash);
  EXPECT_TRUE(proof::verify_inclusion(proof.leaf_hash, 3, checkpoint.size, proof.path, checkpoint.root));
  EXPECT_EQ(proof.kind, "act");
  EXPECT_EQ(proof.payload_length, 9U);
  EXPECT_EQ(logs.entry("city-hall", 5).error().code, base::Errc::not_found);
  EXPECT_EQ(logs.entry("no-such", 0).error().code, base::Errc::not_found);
  EXPECT_EQ(logs.entry("../x", 0).error().code, base::Errc::not_found);
  EXPECT_EQ(logs.checkpoint("centre").value().origin, evidence_->centre().origin());
}

}  // namespace
}  // namespace hinomi::console
