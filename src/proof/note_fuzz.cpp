#include <hinomi/proof/note.hpp>

#include <array>
#include <cstddef>

// Anything may come as a note; what opens must hold together: its text is signed by a key that was named.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const auto known = std::array{
      *hinomi::proof::VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")};
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto open = hinomi::proof::open_note(input, known))
    HINOMI_CHECK(!open->signed_by.empty() && hinomi::proof::is_valid_note_text(open->text));
  if (const auto key = hinomi::proof::VerifierKey::parse(input))
    HINOMI_CHECK(*hinomi::proof::VerifierKey::parse(key->text()) == *key);
  if (const auto key = hinomi::proof::SigningKey::parse(input))
    HINOMI_CHECK(hinomi::proof::SigningKey::parse(key->text())->verifier() == key->verifier());
  return 0;
}
