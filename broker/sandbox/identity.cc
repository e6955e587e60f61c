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

Result<ToolIdentity> choose_contained_identity(const NamespaceIds& ids, std::uint32_t owner_uid,
                                               std::uint32_t owner_gid) {
  const bool owner = owner_uid != 0 && has_id(ids.uids, owner_uid);
  const bool group = owner && owner_gid != 0 && has_id(ids.gids, owner_gid);
  if (owner && group) return without_translation({owner_uid, owner_uid, owner_gid, owner_gid});
  if (ids.root == RootMeaning::kHostRoot)
    return fail(
        "uid or gid 0 of this user namespace is the host's root, and it has no other id that the tool could be",
        "run Writ outside of `unshare -Ur` or the container, as an ordinary user, or in a workspace whose owner "
        "and group exist in this namespace");
  // Root of the namespace is an ordinary user outside; the tool is that user, without its capabilities here.
  if (owner) return without_translation({owner_uid, owner_uid, kInsideId, 0});
  return without_translation({kInsideId, 0, kInsideId, 0});
}

}  // namespace writ
