// RunMediation: one run's mediated writing: the policy compiled for deciding, the mediator with its trees, and the list
// of what was denied.
//
// Ownership: owns all of it; destroy it after the sandbox. Threads: one.
#ifndef WRIT_LAUNCHER_RUN_MEDIATION_H_
#define WRIT_LAUNCHER_RUN_MEDIATION_H_

#include <memory>

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
  // Takes the mediated trees out of `prepared`. Root's broker drops its groups. Call before the launch is started, when
  // the profile is final.
  [[nodiscard]] static Result<std::unique_ptr<RunMediation>> prepare(const Profile& profile,
                                                                     const ToolIdentity& identity,
                                                                     PreparedLaunch& prepared);

  // Registers for the calls that it performs. Borrows nothing of `loop`.
  void attach_to(NotificationLoop& loop);

  [[nodiscard]] DenialLog& denials() { return denials_; }
  [[nodiscard]] const DenialLog& denials() const { return denials_; }

 private:
  RunMediation(const Profile& profile, MediationParts parts, AccessPolicy policy);

  AccessPolicy policy_;
  PolicyDecider decider_;
  DenialLog denials_;
  WriteMediator mediator_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_MEDIATION_H_
