// CapabilityRights: which rights a capability carries. A closed list; there is no "all". Pure values; any thread.
#ifndef WRIT_BROKER_CAPABILITY_CAPABILITY_RIGHTS_H_
#define WRIT_BROKER_CAPABILITY_CAPABILITY_RIGHTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "broker/base/error.h"

namespace writ {

enum class CapabilityRight : std::uint8_t {
  kRead,
  kWrite,
  kExecute,
  kLink,
  kDiff,
  kMaterialize,
  kDelete,
  kGrant,   // give what one holds to somebody else
  kRevoke,  // take back what somebody else gave
  kApprove,
  kAdmin,    // make capabilities
  kConnect,  // Writ's own: reach an address
  kBind,     // Writ's own: be reached at one
};
inline constexpr std::size_t kCapabilityRightCount = 13;
inline constexpr std::size_t kRightsLimit = 16;  // words of one capability

// The words, in the order of CapabilityRight.
inline constexpr std::array<std::string_view, kCapabilityRightCount> kCapabilityRightNames = {
    "read",  "write",  "execute", "link",  "diff",    "materialize", "delete",
    "grant", "revoke", "approve", "admin", "connect", "bind"};

[[nodiscard]] constexpr std::string_view capability_right_name(CapabilityRight right) {
  return kCapabilityRightNames[static_cast<std::size_t>(right)];
}
// Error: an unknown word ("*" among them), with a suggestion.
[[nodiscard]] Result<CapabilityRight> parse_capability_right(std::string_view name);

class CapabilityRights {
 public:
  constexpr CapabilityRights() = default;  // none
  constexpr CapabilityRights(std::initializer_list<CapabilityRight> rights) {
    for (const CapabilityRight right : rights) add(right);
  }

  constexpr void add(CapabilityRight right) { bits_ = static_cast<std::uint16_t>(bits_ | bit(right)); }
  [[nodiscard]] constexpr bool has(CapabilityRight right) const { return (bits_ & bit(right)) != 0; }
  [[nodiscard]] constexpr bool covers(CapabilityRights other) const { return (bits_ & other.bits_) == other.bits_; }
  [[nodiscard]] constexpr bool overlaps(CapabilityRights other) const { return (bits_ & other.bits_) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] friend constexpr bool operator==(CapabilityRights a, CapabilityRights b) { return a.bits_ == b.bits_; }

 private:
  static constexpr unsigned bit(CapabilityRight right) { return 1u << static_cast<unsigned>(right); }
  std::uint16_t bits_ = 0;
};

// "read, write"
[[nodiscard]] std::string capability_rights_text(CapabilityRights rights);

}  // namespace writ

#endif  // WRIT_BROKER_CAPABILITY_CAPABILITY_RIGHTS_H_
