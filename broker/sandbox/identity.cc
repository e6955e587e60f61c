#include "broker/sandbox/identity.h"

namespace writ {

ToolIdentity choose_identity(std::uint32_t broker_uid, std::uint32_t broker_gid, std::uint32_t owner_uid,
                             std::uint32_t owner_gid) {
  // An ordinary user can be nobody else; its tool keeps its numbers.
  if (broker_uid != 0) return {{broker_uid, broker_uid, broker_gid, broker_gid}, OwnershipTranslation::kNone};
  if (owner_uid != 0) {
    // gid 0 outside would own root's group-readable files; the tool gets a group that nobody has instead.
    const std::uint32_t gid = owner_gid != 0 ? owner_gid : kSubordinateId;
    return {{owner_uid, owner_uid, owner_gid != 0 ? owner_gid : kInsideId, gid}, OwnershipTranslation::kNone};
  }
  return {{kInsideId, kSubordinateId, kInsideId, kSubordinateId}, OwnershipTranslation::kRootToTool};
}

}  // namespace writ
