// The cryptography of the audit log against vectors from elsewhere: FIPS 180-4, RFC 4231, RFC 8032.
#include "broker/audit/audit_crypto.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "broker/base/hex_text.h"

namespace {

using namespace writ;

template <std::size_t size>
std::array<std::uint8_t, size> bytes_of(std::string_view digits) {
  std::array<std::uint8_t, size> bytes{};
  REQUIRE(read_hex(digits, bytes));
  return bytes;
}

TEST_CASE("hex: one value has one text", "[audit]") {
  const std::array<std::uint8_t, 4> bytes = {0x00, 0x1F, 0xA0, 0xFF};
  CHECK(hex_text(bytes) == "001fa0ff");
  CHECK(bytes_of<4>("001fa0ff") == bytes);
  std::array<std::uint8_t, 2> two{};
  for (const char* wrong : {"", "001", "00112", "0011f", "00A0", "0g00", "000g", " 000", "00:0", "00\xff\xff"})
    CHECK_FALSE(read_hex(wrong, two));
}

TEST_CASE("SHA-256: vectors of FIPS 180-4, whole and in parts", "[audit]") {
  CHECK(hex_text(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex_text(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string text(1000, 'a');
  for (std::size_t cut = 0; cut <= text.size(); cut += 37)
    CHECK(Sha256().update(text.substr(0, cut)).update(text.substr(cut)).finish() == sha256(text));
}

TEST_CASE("keyed hash: HMAC-SHA-256, and another key gives another hash", "[audit]") {
  // RFC 4231 uses shorter keys; HMAC pads them with zeroes, so the padded key gives the same result.
  const SecretKey key(bytes_of<32>("4a65666500000000000000000000000000000000000000000000000000000000"));
  CHECK(hex_text(keyed_hash(key, "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const SecretKey other(bytes_of<32>("4b65666500000000000000000000000000000000000000000000000000000000"));
  CHECK(keyed_hash(key, "x") != keyed_hash(other, "x"));
}

TEST_CASE("Ed25519: vectors of RFC 8032, and nothing else is a signature", "[audit]") {
  const SigningKey key(SecretKey(bytes_of<32>("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")));
  CHECK(hex_text(key.public_key()) == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const Signature signature = key.sign("\x72");
  CHECK(hex_text(signature) ==
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  CHECK(is_signature_of(signature, "\x72", key.public_key()));
  CHECK_FALSE(is_signature_of(signature, "\x73", key.public_key()));
  CHECK_FALSE(is_signature_of(signature, "", key.public_key()));
  for (std::size_t i = 0; i < signature.size(); ++i) {
    Signature wrong = signature;
    wrong[i] = static_cast<std::uint8_t>(wrong[i] ^ 1);
    CHECK_FALSE(is_signature_of(wrong, "\x72", key.public_key()));
  }
  const SigningKey other(SecretKey(bytes_of<32>("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")));
  CHECK_FALSE(is_signature_of(signature, "\x72", other.public_key()));
}

TEST_CASE("random numbers differ", "[audit]") {
  std::array<std::uint8_t, 32> first{};
  std::array<std::uint8_t, 32> second{};
  REQUIRE(fill_random(first));
  REQUIRE(fill_random(second));
  CHECK(first != second);
}

TEST_CASE("wiping leaves nothing", "[audit]") {
  std::array<std::uint8_t, 8> bytes = {1, 2, 3, 4, 5, 6, 7, 8};
  wipe(bytes);
  CHECK(std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; }));
}

}  // namespace
