#include "launcher/run_mediation.h"

#include <unistd.h>

#include <utility>

#include "broker/mediation/mediated_calls.h"
#include "broker/mediation/protected_links.h"

namespace writ {

Result<std::unique_ptr<RunMediation>> RunMediation::prepare(const Profile& profile, const ToolIdentity& identity,
                                                            PreparedLaunch& prepared) {
  AccessPolicy policy = AccessPolicy::compile(profile);
  MediationParts parts;
  parts.trees = MediatedTrees(std::exchange(prepared.view.mediated, {}), prepared.view.entries);
  std::vector<std::string> aliases;
  for (const std::string& tree : parts.trees.paths())
    for (std::string& target : protected_link_targets(tree, profile.filesystem.protect))
      aliases.push_back(std::move(target));
  parts.shields = WriteShields(policy, parts.trees.covered_places(), std::move(aliases));
  parts.identity = identity.map;
  if (::geteuid() == 0) {
    WRIT_ASSIGN(parts.acting, ActingIdentity::as({identity.map.outside_uid, identity.map.outside_gid}));
  }
  return std::unique_ptr<RunMediation>(new RunMediation(profile, std::move(parts), std::move(policy)));
}

RunMediation::RunMediation(const Profile& profile, MediationParts parts, AccessPolicy policy)
    : policy_(std::move(policy)), decider_(policy_, profile.sources), mediator_(std::move(parts), decider_, denials_) {}

void RunMediation::attach_to(NotificationLoop& loop) {
  for (const MediatedCall& row : mediated_calls()) {
    const std::int16_t number = kNativeAuditArch == AUDIT_ARCH_X86_64 ? row.call.x86_64 : row.call.aarch64;
    if (number != kNotThere) loop.add_handler(static_cast<std::uint32_t>(number), mediator_);
  }
}

}  // namespace writ
