#include <hinomi/proof/note.hpp>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <array>

namespace hinomi::proof {
namespace {

// The example of golang.org/x/mod/sumdb/note: keys, text and signature made by another implementation.
constexpr std::string_view kSigner = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
constexpr std::string_view kVerifier = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr std::string_view kText =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
constexpr std::string_view kNote =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "\xe2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

class Counting final : public base::Random {
 public:
  base::Bytes bytes(std::size_t count) override { return base::Bytes(count, static_cast<char>(++calls_)); }

 private:
  int calls_ = 0;
};

SigningKey key_named(std::string name) {
  static Counting random;
  return SigningKey::generate(std::move(name), random);
}

TEST(Key, texts_are_gos_and_round_trip) {
  const SigningKey key = SigningKey::parse(kSigner).value();
  EXPECT_EQ(key.text(), kSigner);
  EXPECT_EQ(key.verifier().text(), kVerifier);
  EXPECT_EQ(key.verifier().id(), 0xc74f20a3U);
  EXPECT_EQ(VerifierKey::parse(kVerifier).value(), key.verifier());
}

TEST(Key, one_changed_character_anywhere_is_refused_or_another_name) {
  for (std::size_t i = 0; i < kVerifier.size(); ++i) {
    std::string changed(kVerifier);
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(VerifierKey::parse(changed).has_value()) << changed;
  }
  EXPECT_EQ(VerifierKey::parse("a+00000000+Ag==").error().code, base::Errc::unsupported);
  for (const std::string_view bad : {"", "+", "++", "a+", "a+0+AA==", "a+00000000+", "a b+00000000+AQ=="})
    EXPECT_EQ(VerifierKey::parse(bad).error().code, base::Errc::malformed) << bad;
  EXPECT_FALSE(SigningKey::parse(kVerifier).has_value());
}

TEST(Key, names_hold_no_white_space_plus_or_control) {
  EXPECT_TRUE(is_valid_key_name("hinomi.local/evidence/a"));
  EXPECT_TRUE(is_valid_key_name("火の見"));
  for (const std::string_view bad :
       {"", "a b", "a+b", "a\nb", "a\tb", "a\u00a0b", "a\u3000b", "a\u2003b", "\xff", "a\x7f"})
    EXPECT_FALSE(is_valid_key_name(bad)) << bad;
}

TEST(Key, ed25519_is_rfc8032_section_7_1_test_2) {
  const base::Bytes public_key =
      base::from_hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c").value();
  const base::Bytes signature = base::from_hex(
                                    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                                    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
                                    .value();
  const VerifierKey key = VerifierKey::from_public("rfc", public_key).value();
  EXPECT_TRUE(key.verify("\x72", signature));
  EXPECT_FALSE(key.verify("\x73", signature));
  EXPECT_FALSE(key.verify("\x72", signature.substr(1)));
}

TEST(Note, is_byte_for_byte_gos) {
  const SigningKey key = SigningKey::parse(kSigner).value();
  EXPECT_EQ(sign_note(kText, std::array{&key}), kNote);
  const OpenNote open = open_note(kNote, std::array{key.verifier()}).value();
  EXPECT_EQ(open.text, kText);
  EXPECT_EQ(open.signed_by, std::vector<std::string>{"PeterNeumann"});
}

TEST(Note, one_flipped_bit_anywhere_is_refused) {
  const std::array known = {VerifierKey::parse(kVerifier).value()};
  for (std::size_t i = 0; i < kNote.size(); ++i)
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string changed(kNote);
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      EXPECT_FALSE(open_note(changed, known).has_value()) << i;
    }
}

TEST(Note, ignores_unknown_keys_but_not_a_known_one_that_fails) {
  const SigningKey owner = key_named("owner");
  const SigningKey centre = key_named("centre");
  const std::string note = sign_note("text\n", std::array{&owner, &centre});
  EXPECT_EQ(open_note(note, std::array{centre.verifier()})->signed_by, std::vector<std::string>{"centre"});
  EXPECT_EQ(open_note(note, std::array{centre.verifier(), owner.verifier()})->signed_by,
            (std::vector<std::string>{"owner", "centre"}));
  EXPECT_EQ(open_note(note, std::array{key_named("owner").verifier()}).error().code, base::Errc::unauthenticated)
      << "the same name with another key is another key";
  EXPECT_EQ(open_note(note, {}).error().code, base::Errc::unauthenticated);

  const std::string other = sign_note("other\n", std::array{&owner});
  const std::string mixed = note + other.substr(other.find("\n\n") + 2);
  EXPECT_EQ(open_note(mixed, std::array{owner.verifier()}).error().code, base::Errc::forbidden);
  EXPECT_TRUE(open_note(mixed, std::array{centre.verifier()}).has_value());
}

TEST(Note, counts_a_key_once_however_often_it_signed) {
  const SigningKey key = key_named("twice");
  EXPECT_EQ(open_note(sign_note("t\n", std::array{&key, &key}), std::array{key.verifier()})->signed_by.size(), 1);
}

TEST(Note, the_text_may_hold_empty_lines_and_lines_that_look_signed) {
  const SigningKey key = key_named("k");
  const std::string text = "a\n\n\xe2\x80\x94 k AAAAAAAA\n\nb\n";
  EXPECT_EQ(open_note(sign_note(text, std::array{&key}), std::array{key.verifier()})->text, text);
}

TEST(Note, refuses_what_is_no_note) {
  const SigningKey key = key_named("k");
  const std::string note = sign_note("t\n", std::array{&key});
  const std::array known = {key.verifier()};
  const auto code = [&](std::string_view text) { return open_note(text, known).error().code; };
  EXPECT_EQ(code(""), base::Errc::malformed);
  EXPECT_EQ(code("t\n"), base::Errc::malformed);
  EXPECT_EQ(code("t\n\n"), base::Errc::malformed);
  EXPECT_EQ(code(note.substr(0, note.size() - 1)), base::Errc::malformed) << "no line feed at the end";
  EXPECT_EQ(code(note + "x\n"), base::Errc::malformed);
  EXPECT_EQ(code(note + "\n"), base::Errc::malformed);
  EXPECT_EQ(code("t\n\n- k AAAAAAAA\n" + note.substr(3)), base::Errc::malformed) << "a hyphen is no em dash";
  EXPECT_EQ(code("\t" + note), base::Errc::malformed);
  EXPECT_EQ(code("\xff" + note), base::Errc::malformed);
  EXPECT_EQ(code(std::string(kMaxNote, 'a') + note), base::Errc::too_large);
}

TEST(Note, takes_a_hundred_signatures_and_no_more) {
  const SigningKey key = key_named("k");
  std::vector<const SigningKey*> keys(kMaxNoteSignatures, &key);
  EXPECT_TRUE(open_note(sign_note("t\n", keys), std::array{key.verifier()}).has_value());
  keys.push_back(&key);
  EXPECT_EQ(open_note(sign_note("t\n", keys), std::array{key.verifier()}).error().code, base::Errc::too_large);
}

}  // namespace
}  // namespace hinomi::proof
