// The cryptography of Writ: SHA-256, a keyed hash, Ed25519 signatures. audit_crypto.cc is the only file that sees
// libsodium (docs/dependencies.md says why that library).
//
// Nothing here has to be initialised, and nothing runs when the program starts. Pure but for fill_random(); any thread;
// a forked child owns copies of the keys.
#ifndef WRIT_BROKER_AUDIT_AUDIT_CRYPTO_H_
#define WRIT_BROKER_AUDIT_AUDIT_CRYPTO_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "broker/base/error.h"

namespace writ {

using Sha256Digest = std::array<std::uint8_t, 32>;

// SHA-256 (FIPS 180-4) of what comes in parts.
class Sha256 {
 public:
  Sha256();
  Sha256& update(std::string_view bytes);
  Sha256& update(std::span<const std::uint8_t> bytes);
  // Call once.
  [[nodiscard]] Sha256Digest finish();

 private:
  // The library's state, which has no other size on any platform; audit_crypto.cc checks that it fits.
  alignas(8) std::array<std::uint8_t, 104> state_{};
};

[[nodiscard]] Sha256Digest sha256(std::string_view bytes);

// A secret of 32 bytes; wiped when it goes.
class SecretKey {
 public:
  static constexpr std::size_t kSize = 32;
  explicit SecretKey(std::span<const std::uint8_t, kSize> bytes);
  SecretKey(const SecretKey& other) = default;
  SecretKey(SecretKey&& other) noexcept = default;
  SecretKey& operator=(const SecretKey& other) = default;
  SecretKey& operator=(SecretKey&& other) noexcept = default;
  ~SecretKey();
  [[nodiscard]] std::span<const std::uint8_t, kSize> bytes() const { return bytes_; }

 private:
  std::array<std::uint8_t, kSize> bytes_{};
};

// HMAC-SHA-256 (RFC 2104) of `bytes`: equal texts have equal hashes, and who has not the key can neither compute nor
// guess them.
[[nodiscard]] Sha256Digest keyed_hash(const SecretKey& key, std::string_view bytes);

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

// An Ed25519 key pair (RFC 8032). The seed is the private key; the same seed makes the same pair.
class SigningKey {
 public:
  explicit SigningKey(const SecretKey& seed);
  // The same without deriving the public key, which takes as long as signing: `public_key` is the seed's, as an earlier
  // run derived it. Signatures of a pair that does not belong together are nobody's.
  SigningKey(const SecretKey& seed, const PublicKey& public_key);
  SigningKey(const SigningKey& other) = default;
  SigningKey(SigningKey&& other) noexcept = default;
  SigningKey& operator=(const SigningKey& other) = default;
  SigningKey& operator=(SigningKey&& other) noexcept = default;
  ~SigningKey();
  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  // Deterministic: one message has one signature.
  [[nodiscard]] Signature sign(std::string_view message) const;

 private:
  std::array<std::uint8_t, 64> secret_{};
  PublicKey public_key_{};
};

[[nodiscard]] bool is_signature_of(const Signature& signature, std::string_view message, const PublicKey& key);

// Fills `bytes` from the kernel's generator (getrandom(2)). Errors: the kernel has none.
[[nodiscard]] Status fill_random(std::span<std::uint8_t> bytes);

// Overwrites a secret in a way that the compiler does not leave out.
void wipe(std::span<std::uint8_t> bytes);

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_AUDIT_CRYPTO_H_
