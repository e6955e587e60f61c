#include "launcher/run_mediation.h"

#include <unistd.h>

#include <utility>

#include "broker/mediation/mediated_calls.h"
#include "broker/mediation/protected_links.h"

namespace writ {

Result<std::unique_ptr<RunMediation>> RunMediation::prepare(const RunSetup& setup, PreparedLaunch& prepared) {
  AccessPolicy enforced = AccessPolicy::compile(setup.profile);
  MediationParts parts;
  std::vector<std::string> aliases;
  for (const MediatedTree& tree : prepared.view.mediated) {
    for (const std::string& name : tree.unchangeable) aliases.push_back(tree.path + "/" + name);
    for (std::string& target : protected_link_targets(tree.path, setup.profile.filesystem.protect))
      aliases.push_back(std::move(target));
  }
  parts.trees = MediatedTrees(std::exchange(prepared.view.mediated, {}), prepared.view.entries);
  parts.shields = WriteShields(enforced, parts.trees.covered_places(), std::move(aliases));
  parts.identity = setup.identity.map;
  // Uid 0 for a tool means a user namespace whose root is an ordinary user outside, and so is the broker then
  // (identity.h); it gives its capabilities up.
  if (::geteuid() == 0 && parts.identity.outside_uid != 0) {
    WRIT_ASSIGN(parts.acting, ActingIdentity::as({parts.identity.outside_uid, parts.identity.outside_gid}));
  }
  const BrokerStage needs = parts.acting.switches() ? BrokerStage::kMediatingAsRoot : BrokerStage::kSupervising;
  return std::unique_ptr<RunMediation>(new RunMediation(setup, std::move(parts), std::move(enforced), needs));
}

RunMediation::RunMediation(const RunSetup& setup, MediationParts parts, AccessPolicy enforced, BrokerStage needs)
    : policy_(AccessPolicy::compile(setup.policy)),
      enforced_(std::move(enforced)),
      decider_(policy_, enforced_, setup.profile.sources),
      mediator_(std::move(parts), decider_, denials_),
      needs_(needs) {}

void RunMediation::attach_to(NotificationLoop& loop) {
  for (const MediatedCall& row : mediated_calls()) {
    const std::int16_t number = kNativeAuditArch == AUDIT_ARCH_X86_64 ? row.call.x86_64 : row.call.aarch64;
    if (number != kNotThere) loop.add_handler(static_cast<std::uint32_t>(number), mediator_);
  }
}

}  // namespace writ
