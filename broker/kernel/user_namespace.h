// User namespaces: entering one's own, and mapping identities (user_namespaces(7)).
#ifndef WRIT_BROKER_KERNEL_USER_NAMESPACE_H_
#define WRIT_BROKER_KERNEL_USER_NAMESPACE_H_

#include <sys/types.h>

#include <cstdint>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

// One identity as seen on the two sides of a user namespace.
struct IdentityMap {
  std::uint32_t inside_uid = 0;
  std::uint32_t outside_uid = 0;
  std::uint32_t inside_gid = 0;
  std::uint32_t outside_gid = 0;
};

// Whether setgroups(2) is denied first, which an unprivileged writer of gid_map must do (user_namespaces(7)).
enum class SetgroupsRule : std::uint8_t { kDeny, kKeep };

// Writes the maps of process `process` ("self", or a number) beneath the borrowed /proc descriptor `proc`. Raw system
// calls only: usable between clone and exec. Returns 0 or -errno.
[[nodiscard]] long write_identity_map(int proc, const char* process, const IdentityMap& map, SetgroupsRule setgroups);

// The same for the calling process, beneath the host's /proc.
[[nodiscard]] long map_own_identity(const IdentityMap& map, SetgroupsRule setgroups);

// Moves the calling, still single-threaded process into a user namespace of its own in which it keeps its uid and gid.
// The caller then holds every capability over namespaces it makes from there, and none outside.
[[nodiscard]] Status enter_own_user_namespace();

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_USER_NAMESPACE_H_
