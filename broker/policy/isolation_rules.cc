#include "broker/policy/isolation_rules.h"

namespace writ {

std::optional<IsolationConflict> find_isolation_conflict(const Profile& profile) {
  const auto prefers = [&](Layer layer) { return profile.requirement(layer) == Requirement::kPrefer; };
  if (prefers(Layer::kSeccomp))
    return IsolationConflict{Layer::kSeccomp, "'seccomp' is always required: without it no other layer holds"};
  if (!prefers(Layer::kView)) return std::nullopt;
  if (prefers(Layer::kLandlock))
    return IsolationConflict{Layer::kLandlock,
                             "'view' and 'landlock' cannot both be 'prefer': one of them must bound the tool's files"};
  if (!prefers(Layer::kLockedView))
    return IsolationConflict{Layer::kView,
                             "'view: prefer' needs 'locked_view: prefer': there is nothing to lock without a view"};
  return std::nullopt;
}

}  // namespace writ
