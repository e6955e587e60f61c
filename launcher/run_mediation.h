// RunMediation: one run's mediated writing: the policy compiled for deciding, the mediator with its trees, and the list
// of what was denied.
//
// Ownership: owns all of it; destroy it after the sandbox. Threads: one.
#ifndef WRIT_LAUNCHER_RUN_MEDIATION_H_
#define WRIT_LAUNCHER_RUN_MEDIATION_H_

#include <memory>

#include "broker/base/error.h"
#include "broker/kernel/capabilities.h"
#include "broker/mediation/denial_log.h"
#include "broker/mediation/notification_loop.h"
#include "broker/mediation/policy_decider.h"
#include "broker/mediation/write_mediator.h"
#include "broker/sandbox/launch.h"
#include "launcher/run_setup.h"

namespace writ {

class RunMediation {
 public:
  // Takes the mediated trees out of `prepared`. Root's broker drops its groups. Call before the launch is started, when
  // the profile is final.
  [[nodiscard]] static Result<std::unique_ptr<RunMediation>> prepare(const RunSetup& setup, PreparedLaunch& prepared);

  // Registers for the calls that it performs. Borrows nothing of `loop`.
  void attach_to(NotificationLoop& loop);

  // What the broker may keep while it performs the calls.
  [[nodiscard]] BrokerStage needs() const { return needs_; }

  [[nodiscard]] DenialLog& denials() { return denials_; }
  [[nodiscard]] const DenialLog& denials() const { return denials_; }

 private:
  RunMediation(const RunSetup& setup, MediationParts parts, AccessPolicy enforced, BrokerStage needs);

  AccessPolicy policy_;    // every rule as it was written
  AccessPolicy enforced_;  // what the view was made from; a write needs the word of both
  PolicyDecider decider_;
  DenialLog denials_;
  WriteMediator mediator_;
  BrokerStage needs_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_MEDIATION_H_
