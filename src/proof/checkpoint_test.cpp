#include <hinomi/proof/checkpoint.hpp>

#include <gtest/gtest.h>

#include <array>

namespace hinomi::proof {
namespace {

const SigningKey& key() {
  static base::SystemRandom random;
  static const SigningKey made = SigningKey::generate("hinomi.local/evidence/a", random);
  return made;
}

const Checkpoint kCheckpoint{.origin = "hinomi.local/evidence/a", .size = 20852163, .root = base::sha256("root")};

TEST(Checkpoint, is_three_lines) {
  const std::string text = to_text(kCheckpoint);
  EXPECT_EQ(text, "hinomi.local/evidence/a\n20852163\n" + base::to_base64(kCheckpoint.root.bytes()) + "\n");
  EXPECT_EQ(parse_checkpoint(text).value(), kCheckpoint);
}

TEST(Checkpoint, has_one_text_and_no_other) {
  const std::string root = base::to_base64(kCheckpoint.root.bytes());
  for (const std::string& bad :
       {std::string(), std::string("o\n"), "o\n1\n" + root, "\n1\n" + root + "\n", "o\n01\n" + root + "\n",
        "o\n+1\n" + root + "\n", "o\n-1\n" + root + "\n", "o\n\n" + root + "\n", "o\n 1\n" + root + "\n",
        "o\n18446744073709551616\n" + root + "\n", "o\n1\n" + root + "\nextension\n", "o\n1\n" + root + "\n\n",
        "o\n1\n" + root.substr(4) + "\n", "o\n1\n" + root + "AAAA\n", std::string("o\n1\n\n")})
    EXPECT_EQ(parse_checkpoint(bad).error().code, base::Errc::malformed) << bad;
  EXPECT_EQ(parse_checkpoint("o\n0\n" + root + "\n")->size, 0);
  EXPECT_EQ(parse_checkpoint("o\n18446744073709551615\n" + root + "\n")->size, ~std::uint64_t{0});
}

TEST(Checkpoint, opens_under_its_key_and_for_its_origin_only) {
  const std::string note = sign_checkpoint(kCheckpoint, key());
  EXPECT_EQ(open_checkpoint(note, key().verifier(), kCheckpoint.origin).value(), kCheckpoint);
  EXPECT_EQ(open_checkpoint(note, key().verifier(), "hinomi.local/evidence/b").error().code, base::Errc::forbidden);
  base::SystemRandom random;
  const SigningKey other = SigningKey::generate("hinomi.local/evidence/a", random);
  EXPECT_EQ(open_checkpoint(note, other.verifier(), kCheckpoint.origin).error().code, base::Errc::unauthenticated);
  for (std::size_t i = 0; i < note.size(); ++i) {
    std::string changed = note;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(open_checkpoint(changed, key().verifier(), kCheckpoint.origin).has_value()) << i;
  }
}

TEST(Checkpoint, a_signed_note_that_is_none_is_refused) {
  const std::string note = sign_note("something else\n", std::array{&key()});
  EXPECT_EQ(open_checkpoint(note, key().verifier(), "something else").error().code, base::Errc::malformed);
}

}  // namespace
}  // namespace hinomi::proof
