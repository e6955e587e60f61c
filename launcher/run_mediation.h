// RunMediation: one run's mediated writing: the policy compiled for deciding, the mediator with its trees, the loop that
// serves it, and the list of what was denied.
//
// Ownership: owns all of it; destroy it after the sandbox. Threads: one.
#ifndef WRIT_LAUNCHER_RUN_MEDIATION_H_
#define WRIT_LAUNCHER_RUN_MEDIATION_H_

#include <memory>
#include <optional>

#include "broker/base/error.h"
#include "broker/mediation/denial_log.h"
#include "broker/mediation/notification_loop.h"
#include "broker/mediation/policy_decider.h"
#include "broker/mediation/write_mediator.h"
#include "broker/policy/profile.h"
#include "broker/sandbox/identity.h"
#include "broker/sandbox/launch.h"

namespace writ {

class RunMediation {
 public:
  // Takes the mediated trees out of `prepared` and gives its plan the filter that makes calls wait. Root's broker drops
  // its groups. Call before the launch is started, when the profile is final.
  [[nodiscard]] static Result<std::unique_ptr<RunMediation>> prepare(const Profile& profile,
                                                                     const ToolIdentity& identity,
                                                                     PreparedLaunch& prepared);

  // Begins to serve the calls of `listener`.
  NotificationLoop& serve(SeccompListener listener);

  [[nodiscard]] DenialLog& denials() { return denials_; }
  [[nodiscard]] const DenialLog& denials() const { return denials_; }
  [[nodiscard]] const NotificationCounts* counts() const { return loop_ ? &loop_->counts() : nullptr; }

 private:
  RunMediation(const Profile& profile, MediationParts parts, AccessPolicy policy);

  AccessPolicy policy_;
  PolicyDecider decider_;
  DenialLog denials_;
  WriteMediator mediator_;
  std::optional<NotificationLoop> loop_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_MEDIATION_H_
