#include "broker/sandbox/identity.h"

namespace writ {

namespace {

ToolIdentity without_translation(const IdentityMap& map) { return {map, map, OwnershipTranslation::kNone}; }

}  // namespace

ToolIdentity choose_identity(std::uint32_t broker_uid, std::uint32_t broker_gid, std::uint32_t owner_uid,
                             std::uint32_t owner_gid) {
  // An ordinary user can be nobody else; its tool keeps its numbers.
  if (broker_uid != 0) return without_translation({broker_uid, broker_uid, broker_gid, broker_gid});
  if (owner_uid != 0) {
    // gid 0 outside would own root's group-readable files; the tool gets a group that nobody has instead.
    if (owner_gid == 0) return without_translation({owner_uid, owner_uid, kInsideId, kSubordinateId});
    return without_translation({owner_uid, owner_uid, owner_gid, owner_gid});
  }
  return {{kInsideId, kSubordinateId, kInsideId, kSubordinateId},
          {0, kSubordinateId, 0, kSubordinateId},
          OwnershipTranslation::kRootToTool};
}

}  // namespace writ
