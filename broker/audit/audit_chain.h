// The lines of an audit log and what ties them together. docs/audit.md describes the format for whoever writes another
// verifier.
//
// Each line ends with ,"hash":"…"}. The hash is SHA-256 over the hash of the line before (32 bytes) and the bytes of
// this line in front of ,"hash". A head is a line with a signature in it, over the bytes in front of ,"signature".
//
// Pure; any thread.
#ifndef WRIT_BROKER_AUDIT_AUDIT_CHAIN_H_
#define WRIT_BROKER_AUDIT_AUDIT_CHAIN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/audit/audit_crypto.h"
#include "broker/audit/audit_event.h"

namespace writ {

// A longer line is none of Writ's.
inline constexpr std::size_t kAuditLineLimit = std::size_t{128} << 10;

// What every head's signature is over, before the line: nothing that is signed elsewhere begins so.
inline constexpr std::string_view kHeadDomain = "writ audit head 1\n";

// Where a chain stands: the place and the hash of its last line.
struct ChainState {
  std::uint64_t sequence = 0;  // 0: before the first line
  Sha256Digest hash{};         // zeroes before the first line
  [[nodiscard]] friend bool operator==(const ChainState&, const ChainState&) = default;
};

// Appends the line of the next record: `body` is what AuditEncoder made. Advances `state`.
void append_chained(std::string_view body, ChainState& state, std::string& out);

// The same with a signature. Returns the line.
[[nodiscard]] std::string append_signed(std::string_view body, const SigningKey& key, ChainState& state,
                                        std::string& out);

// The parts of a line that say where it belongs. Everything is borrowed from the line.
struct AuditLine {
  std::uint64_t sequence = 0;
  std::string_view run;      // 32 digits
  std::uint64_t number = 0;  // within the run
  std::string_view time;
  AuditEvent event = AuditEvent::kStart;
  std::uint64_t parent = 0;
  std::string_view rest;    // from ,"subject" on, without the hash
  std::string_view hashed;  // the bytes that the hash is over
  Sha256Digest hash{};

  // Splits `line`, which has no newline. Nothing where it is not made as append_chained() makes it.
  [[nodiscard]] static std::optional<AuditLine> parse(std::string_view line);

  // The hash that the line must have behind `previous`.
  [[nodiscard]] Sha256Digest hash_after(const Sha256Digest& previous) const;

  // The value of the field `name`, as it is written: digits, or the inside of quotes. Nothing where there is none.
  [[nodiscard]] std::optional<std::string_view> value(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint64_t> number_value(std::string_view name) const;
  [[nodiscard]] std::optional<Sha256Digest> digest_value(std::string_view name) const;
};

// What a head says.
struct AuditHead {
  std::string_view log;  // 32 digits
  ChainState before;     // the last record that it signs
  PublicKey key{};
  Signature signature{};
  std::string_view message;  // that is signed, but for kHeadDomain

  // Nothing where `line` is no head, or is not made like one.
  [[nodiscard]] static std::optional<AuditHead> read(const AuditLine& line);
  [[nodiscard]] bool is_signed_by_its_key() const;
};

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_AUDIT_CHAIN_H_
