// Capability: one record of authority: who may do what with which resource, under which conditions, from whom, and for
// how long. Plain values; pure; any thread. Only a CapabilityTable makes valid ones.
#ifndef WRIT_BROKER_CAPABILITY_CAPABILITY_RECORD_H_
#define WRIT_BROKER_CAPABILITY_CAPABILITY_RECORD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/capability/authority_rule.h"
#include "broker/capability/capability_id.h"
#include "broker/capability/capability_rights.h"
#include "broker/capability/subject.h"
#include "broker/capability/typed_resource.h"
#include "broker/policy/rule.h"

namespace writ {

enum class CapabilityStatus : std::uint8_t { kActive, kRevoked, kDisabled, kExecRevoked };
inline constexpr std::array<std::string_view, 4> kCapabilityStatusNames = {"active", "revoked", "disabled",
                                                                           "exec_revoked"};

// What one approval was given for: it resolves an ask for exactly this and nothing else.
struct ApprovalBinding {
  std::string effect_id;
  std::string argument_hash;                  // SHA-256, 64 hexadecimal digits
  std::optional<std::string> target_version;  // of the object that the effect is on

  [[nodiscard]] friend bool operator==(const ApprovalBinding& a, const ApprovalBinding& b) {
    return a.effect_id == b.effect_id && a.argument_hash == b.argument_hash && a.target_version == b.target_version;
  }
};

struct CapabilityConstraints {
  std::vector<AuthorityRule> rules;
  std::optional<ApprovalBinding> binding;
  // A stored record had a constraint that this Writ does not know: it denies if it denied, and allows nothing.
  bool has_unknown = false;

  [[nodiscard]] bool empty() const { return rules.empty() && !binding && !has_unknown; }
};

inline constexpr std::uint32_t kDefaultDelegationDepth = 4;
inline constexpr std::uint32_t kLargestDelegationDepth = 64;
inline constexpr std::size_t kConstraintsLimit = 16384;  // bytes of JSON
inline constexpr std::size_t kMetadataLimit = 4096;      // bytes of all keys and values

// Times are milliseconds since 1970 (UTC).
using WallMilliseconds = std::int64_t;

// What somebody wants a capability to be; the rest of the record is the table's to say.
struct CapabilityDraft {
  Subject subject;
  TypedResource resource;
  CapabilityRights rights;
  Effect effect = Effect::kAllow;
  CapabilityConstraints constraints{};
  std::optional<WallMilliseconds> expires_at{};
  std::optional<std::uint64_t> uses{};  // none: any number
  bool delegable = false;
  bool revocable = true;
  std::uint32_t max_delegation_depth = kDefaultDelegationDepth;
  std::map<std::string, std::string> metadata{};
};

struct Capability {
  CapabilityId id;
  Subject issued_by;
  Subject subject;
  TypedResource resource;
  CapabilityRights rights;
  Effect effect = Effect::kAllow;
  CapabilityConstraints constraints{};
  WallMilliseconds issued_at = 0;
  std::optional<WallMilliseconds> expires_at{};
  bool delegable = false;
  bool revocable = true;
  std::optional<CapabilityId> issuer_capability{};  // the one by whose right it was made
  std::optional<CapabilityId> parent{};             // the one that it is a part of, and ends with
  std::uint32_t delegation_depth = 0;
  std::uint32_t max_delegation_depth = kDefaultDelegationDepth;
  std::optional<std::uint64_t> uses_remaining{};
  CapabilityStatus status = CapabilityStatus::kActive;
  std::map<std::string, std::string> metadata{};
};

}  // namespace writ

#endif  // WRIT_BROKER_CAPABILITY_CAPABILITY_RECORD_H_
