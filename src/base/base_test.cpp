#include <hinomi/base/address.hpp>
#include <hinomi/base/bytes.hpp>
#include <hinomi/base/digest.hpp>
#include <hinomi/base/escape.hpp>
#include <hinomi/base/file.hpp>
#include <hinomi/base/messages.hpp>
#include <hinomi/base/time.hpp>
#include <hinomi/base/uuid.hpp>

#include <gtest/gtest.h>

#include <set>

namespace hinomi::base {
namespace {

TEST(Bytes, base64_follows_rfc4648_section_10) {
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(from_base64("Zm9vYg==").value(), "foob");
  EXPECT_FALSE(from_base64("Zg=").has_value());
  EXPECT_FALSE(from_base64("Zh==").has_value()) << "stray bits";
  EXPECT_FALSE(from_base64("Z g=").has_value());
  EXPECT_EQ(from_base64url(to_base64url("\xff\xfe")).value(), "\xff\xfe");
}

TEST(Bytes, hex_round_trips_and_refuses_what_is_not_hex) {
  EXPECT_EQ(from_hex(to_hex("a\0b")).value(), "a\0b");
  EXPECT_FALSE(from_hex("abc").has_value());
  EXPECT_FALSE(from_hex("zz").has_value());
}

TEST(Digest, of_abc_is_fips_180_4s) {
  EXPECT_EQ(sha256("abc").hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256({"a", "bc"}), sha256("abc"));
}

TEST(Uuid, version_5_follows_rfc9562_appendix_a4) {
  const Uuid dns = Uuid::parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8").value();
  EXPECT_EQ(Uuid::named(dns, "www.example.com").text(), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
  EXPECT_FALSE(Uuid::parse("2ed6657d-e927-568b-95e1-2665a8aea6a").has_value());
}

TEST(Time, rfc3339_round_trips_with_offsets_and_fractions) {
  EXPECT_EQ((Time{1'700'000'000'123'456'789}).rfc3339(), "2023-11-14T22:13:20.123456789Z");
  EXPECT_EQ((Time{1'700'000'000'999'999'999}).rfc3339(3), "2023-11-14T22:13:20.999Z");
  EXPECT_EQ(Time::parse_rfc3339("2023-11-15T07:13:20.5+09:00").value().nanoseconds, 1'700'000'000'500'000'000);
  EXPECT_EQ(Time::parse_rfc3339("1969-12-31T23:59:59Z").value().rfc3339(0), "1969-12-31T23:59:59Z");
  for (const char* bad : {"", "2023-11-14", "2023-02-30T00:00:00Z", "2023-11-14T22:13:20", "2023-11-14T22:13:20.Z",
                          "2023-11-14T25:13:20Z", "2023-11-14T22:13:20+9:00"})
    EXPECT_FALSE(Time::parse_rfc3339(bad).has_value()) << bad;
}

TEST(IpAddress, knows_its_family_its_text_and_what_is_special) {
  EXPECT_EQ(IpAddress::parse("2001:DB8::1").value().text(), "2001:db8::1");
  EXPECT_EQ(IpAddress::parse("::ffff:1.2.3.4").value().text(), "1.2.3.4");
  for (const char* special : {"127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
                              "::1", "fe80::1", "fd00::1", "224.0.0.1", "255.255.255.255", "203.0.113.9"})
    EXPECT_TRUE(IpAddress::parse(special).value().is_special()) << special;
  for (const char* open : {"8.8.8.8", "172.32.0.1", "2606:4700::1111", "133.243.0.1"})
    EXPECT_FALSE(IpAddress::parse(open).value().is_special()) << open;
  EXPECT_FALSE(IpAddress::parse("1.2.3").has_value());
  EXPECT_TRUE(Cidr::parse("10.0.0.0/9").value().contains(IpAddress::parse("10.127.0.1").value()));
  EXPECT_FALSE(Cidr::parse("10.0.0.0/9").value().contains(IpAddress::parse("10.128.0.1").value()));
  EXPECT_FALSE(Cidr::parse("10.0.0.0/33").has_value());
}

TEST(Escape, shows_controls_bidi_and_broken_utf8_harmlessly) {
  EXPECT_EQ(escape_for_display("a\x1b[31m\n"), "a\\u{1b}[31m\\u{a}");
  EXPECT_EQ(escape_for_display("x\xe2\x80\xaegpj.exe"), "x\\u{202e}gpj.exe");
  EXPECT_EQ(escape_for_display("\xff\xe7\x81\xab"), "\\xff火");
  EXPECT_EQ(to_utf8_lossy("a\xff"), "a\xEF\xBF\xBD");
  EXPECT_FALSE(is_valid_utf8("\xed\xa0\x80")) << "surrogate";
  EXPECT_FALSE(is_valid_utf8("\xc0\x80")) << "overlong";
}

TEST(File, write_replaces_whole_and_read_refuses_over_its_limit) {
  const fs::path folder = fs::temp_directory_path() / "hinomi_base_file_test";
  fs::remove_all(folder);
  ASSERT_TRUE(make_folder(folder / "a" / "b").has_value());
  ASSERT_TRUE(write_file(folder / "x", "one").has_value());
  ASSERT_TRUE(write_file(folder / "x", "two").has_value());
  EXPECT_EQ(read_file(folder / "x").value(), "two");
  EXPECT_EQ(read_file(folder / "x", 2).error().code, Errc::too_large);
  EXPECT_EQ(read_file(folder / "y").error().code, Errc::not_found);
  const auto lock = lock_file(folder / "lock");
  ASSERT_TRUE(lock.has_value());
  EXPECT_EQ(lock_file(folder / "lock").error().code, Errc::conflict);
  fs::remove_all(folder);
}

TEST(Messages, both_languages_have_the_same_keys_and_placeholders) {
  const auto& english = Messages::built_in(Language::english).all();
  const auto& japanese = Messages::built_in(Language::japanese).all();
  const auto placeholders = [](const std::string& text) {
    std::multiset<std::string> out;
    for (std::size_t open = text.find('{'); open != std::string::npos; open = text.find('{', open + 1))
      out.insert(text.substr(open, text.find('}', open) - open));
    return out;
  };
  ASSERT_FALSE(english.empty());
  for (const auto& [key, text] : english) {
    ASSERT_TRUE(japanese.contains(key)) << key;
    EXPECT_EQ(placeholders(text), placeholders(japanese.at(key))) << key;
  }
  EXPECT_EQ(english.size(), japanese.size());
}

TEST(Messages, fill_placeholders_and_show_a_missing_key) {
  const Messages messages = Messages::parse("hello: 'Hello {name}'").value();
  EXPECT_EQ(messages.text("hello", {{"name", "Kei"}}), "Hello Kei");
  EXPECT_EQ(messages.text("absent"), "<absent>");
}

TEST(Errc, every_code_has_a_name_that_leads_back_and_an_exit_code) {
  for (int i = 0; i <= static_cast<int>(Errc::internal); ++i) {
    const auto code = static_cast<Errc>(i);
    EXPECT_EQ(errc_named(name_of(code)), code);
    EXPECT_NE(exit_code_of(code), 0);
  }
}

TEST(Errc, the_document_says_what_the_code_does) {
  const std::string page = read_file(HINOMI_SOURCE_DIR "/docs/errors.md").value();
  for (int i = 0; i <= static_cast<int>(Errc::internal); ++i) {
    const auto code = static_cast<Errc>(i);
    const std::string row = "\n| " + std::string(name_of(code)) + " | " + std::to_string(exit_code_of(code)) + " |";
    EXPECT_NE(page.find(row), std::string::npos) << row;
  }
}

}  // namespace
}  // namespace hinomi::base
