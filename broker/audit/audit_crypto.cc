#include "broker/audit/audit_crypto.h"

#include <sodium.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <new>

// sodium_init() is never called. It is needed for the library's random numbers and for choosing faster variants of
// functions that are not used here; and it asks the processor what it can do, which a virtual machine answers slowly.

namespace writ {
namespace {

const unsigned char* data_of(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

crypto_hash_sha256_state& state_in(std::array<std::uint8_t, 104>& storage) {
  static_assert(sizeof(crypto_hash_sha256_state) <= 104 && alignof(crypto_hash_sha256_state) <= 8);
  return *std::launder(reinterpret_cast<crypto_hash_sha256_state*>(storage.data()));
}

}  // namespace

Sha256::Sha256() {
  ::new (state_.data()) crypto_hash_sha256_state;
  (void)crypto_hash_sha256_init(&state_in(state_));  // these functions cannot fail
}

Sha256& Sha256::update(std::string_view bytes) {
  (void)crypto_hash_sha256_update(&state_in(state_), data_of(bytes), bytes.size());
  return *this;
}

Sha256& Sha256::update(std::span<const std::uint8_t> bytes) {
  (void)crypto_hash_sha256_update(&state_in(state_), bytes.data(), bytes.size());
  return *this;
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest;
  (void)crypto_hash_sha256_final(&state_in(state_), digest.data());
  return digest;
}

Sha256Digest sha256(std::string_view bytes) {
  Sha256Digest digest;
  (void)crypto_hash_sha256(digest.data(), data_of(bytes), bytes.size());
  return digest;
}

SecretKey::SecretKey(std::span<const std::uint8_t, kSize> bytes) {
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

SecretKey::~SecretKey() { wipe(bytes_); }

Sha256Digest keyed_hash(const SecretKey& key, std::string_view bytes) {
  static_assert(crypto_auth_hmacsha256_KEYBYTES == SecretKey::kSize);
  Sha256Digest digest;
  (void)crypto_auth_hmacsha256(digest.data(), data_of(bytes), bytes.size(), key.bytes().data());
  return digest;
}

SigningKey::SigningKey(const SecretKey& seed) {
  static_assert(crypto_sign_SEEDBYTES == SecretKey::kSize && crypto_sign_SECRETKEYBYTES == 64);
  static_assert(crypto_sign_PUBLICKEYBYTES == 32 && crypto_sign_BYTES == 64);
  (void)crypto_sign_seed_keypair(public_key_.data(), secret_.data(), seed.bytes().data());
}

SigningKey::SigningKey(const SecretKey& seed, const PublicKey& public_key) : public_key_(public_key) {
  // The library's private key is the seed and the public key (crypto_sign_ed25519_seed_keypair).
  const auto end = std::copy(seed.bytes().begin(), seed.bytes().end(), secret_.begin());
  std::copy(public_key.begin(), public_key.end(), end);
}

SigningKey::~SigningKey() { wipe(secret_); }

Signature SigningKey::sign(std::string_view message) const {
  Signature signature;
  (void)crypto_sign_detached(signature.data(), nullptr, data_of(message), message.size(), secret_.data());
  return signature;
}

bool is_signature_of(const Signature& signature, std::string_view message, const PublicKey& key) {
  return crypto_sign_verify_detached(signature.data(), data_of(message), message.size(), key.data()) == 0;
}

Status fill_random(std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "cannot get random numbers from the kernel");
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

void wipe(std::span<std::uint8_t> bytes) { sodium_memzero(bytes.data(), bytes.size()); }

}  // namespace writ
