// Which user a tool is: inside its sandbox and, more important, outside (design, section 3). Never the host's uid 0.
#ifndef WRIT_BROKER_SANDBOX_IDENTITY_H_
#define WRIT_BROKER_SANDBOX_IDENTITY_H_

#include <cstdint>

#include "broker/base/error.h"
#include "broker/kernel/namespace_ids.h"
#include "broker/kernel/user_namespace.h"

namespace writ {

enum class OwnershipTranslation : std::uint8_t {
  kNone,
  // Files of the host's root appear as the tool's own in the trees that were granted by name (idmapped mounts).
  kRootToTool,
};

struct ToolIdentity {
  IdentityMap map;  // the tool: what it sees as its ids, and what they are on the host
  // Of init's user namespace. With translated ownership its id 0 is the tool, because what an idmapped mount shows as
  // the tool's own is what is 0 on disk, and the namespace of the mount is init's; the tool's second one renames it.
  IdentityMap init_map;
  OwnershipTranslation translation = OwnershipTranslation::kNone;
};

// The host identity of a tool whose workspace belongs to root: a uid and gid that no account has. Chosen from the range
// that systemd's UIDS-GIDS document leaves unused (1879048192…2147352575), so that nobody on the host shares it.
inline constexpr std::uint32_t kSubordinateId = 1996488705;  // 0x77000001
// What such a tool sees as its own uid and gid.
inline constexpr std::uint32_t kInsideId = 1000;

// Chooses the identity for a broker with the effective ids `broker_uid`, `broker_gid` and a workspace that belongs to
// `owner_uid`, `owner_gid`. Pure.
[[nodiscard]] ToolIdentity choose_identity(std::uint32_t broker_uid, std::uint32_t broker_gid, std::uint32_t owner_uid,
                                           std::uint32_t owner_gid);

// The same for a broker that is uid 0 of a user namespace below the host's: `unshare -Ur`, a rootless container. No id
// beyond the namespace's own can be given to the tool there, nor can ownership be translated. Pure. Error: the only id
// there is would be the host's root.
[[nodiscard]] Result<ToolIdentity> choose_contained_identity(const NamespaceIds& ids, std::uint32_t owner_uid,
                                                             std::uint32_t owner_gid);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_IDENTITY_H_
