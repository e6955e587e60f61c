// RunCalls: everything of one run that answers calls of the tool which wait for the broker: writing, addresses,
// commands. Or, in their place, a companion.
//
// Ownership: owns loop and handlers; options, setup, audit and companion are borrowed and must outlive it. Destroy it
// after the sandbox, and before the PreparedLaunch whose programs it borrows. Threads: one.
#ifndef WRIT_LAUNCHER_RUN_CALLS_H_
#define WRIT_LAUNCHER_RUN_CALLS_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "broker/base/error.h"
#include "broker/kernel/broker_confinement.h"
#include "broker/mediation/command_service.h"
#include "broker/mediation/notification_loop.h"
#include "broker/network/network_door.h"
#include "launcher/audited_questioner.h"
#include "launcher/relay_hand_over.h"
#include "launcher/run_approvals.h"
#include "launcher/run_audit.h"
#include "launcher/run_companion.h"
#include "launcher/run_mediation.h"
#include "launcher/run_options.h"
#include "launcher/run_session.h"
#include "launcher/run_setup.h"

namespace writ {

enum class Listening : std::uint8_t { kNo, kYes };

// True where the tool may come by sockets of the host, so that connect, bind and listen wait for the broker and
// Landlock refuses TCP to the tool's own calls: a rule gives or asks about addresses, or a session hands connected
// sockets over (`writ tool run`), whose subject may be granted `connect` at any time. Without a subject only such a
// rule gives them.
[[nodiscard]] bool may_hold_host_sockets(const RunOptions& options, const Profile& profile);

class RunCalls {
 public:
  // `companion` may be null.
  RunCalls(const RunOptions& options, const RunSetup& setup, RunAudit& audit, RunCompanion* companion)
      : options_(options), setup_(setup), audit_(audit), companion_(companion) {}

  // Starts the process that starts nested runs, where the profile has rules about commands. Before the broker becomes
  // non-dumpable and gives its capabilities up: a nested run needs what we have now.
  [[nodiscard]] Status start_command_launcher();

  // Decides which calls wait, and writes the listener filter into `prepared`. Takes the mediated trees out of it. Call
  // before the order is given (finish_start). `relay` is borrowed, or null: whose terminal questions are asked on.
  [[nodiscard]] Status prepare(PreparedLaunch& prepared, TerminalRelay* relay);

  // What can be done while the program is being started, after the order.
  void compile() {
    if (mediation_) mediation_->compile();
  }

  // Takes the listener that the launch brought, if there is one. `sandbox` is borrowed.
  [[nodiscard]] Status serve(PreparedLaunch& prepared, SandboxProcess& sandbox, int landlock_abi);

  // True where serve() makes something that needs what the broker will give up: a door to the network, nested runs.
  [[nodiscard]] bool opens_doors() const;

  // What the session has to poll.
  void add_to(SessionServices& services);

  // Null where a run has none.
  [[nodiscard]] const CommandService* commands() const { return commands_ ? &*commands_ : nullptr; }
  [[nodiscard]] const NetworkDenials* network_denials() const { return network_ ? &network_->denials() : nullptr; }
  [[nodiscard]] const DenialLog* denials() const { return mediation_ ? &mediation_->denials() : nullptr; }
  [[nodiscard]] const NotificationCounts* mediated_calls() const;
  [[nodiscard]] const std::vector<ApprovalRecord>* approvals() const {
    return approvals_ ? &approvals_->records() : nullptr;
  }

  [[nodiscard]] const std::vector<RevokedTree>* revoked_trees() const {
    return mediation_ ? mediation_->revoked_trees() : nullptr;
  }

  // What the broker may keep while it serves. `listener`: whether calls of the tool wait for it.
  [[nodiscard]] BrokerNeeds needs(Listening listener) const;

 private:
  [[nodiscard]] Result<BpfProgram> make_listener_filter() const;
  [[nodiscard]] Status prepare_mediation(PreparedLaunch& prepared);
  [[nodiscard]] Status prepare_questions(TerminalRelay* relay);
  void take_back(const WithdrawnGrant& grant);
  void tell_revoked(const RevokedTree& tree);
  void observe_paths();
  void observe_addresses();
  void observe_commands();

  const RunOptions& options_;
  const RunSetup& setup_;
  RunAudit& audit_;
  RunCompanion* companion_;
  std::optional<CommandLauncher> command_launcher_;
  std::optional<NotificationLoop> loop_;  // before those that answer through it
  std::unique_ptr<RunMediation> mediation_;
  std::optional<RelayHandOver> hand_over_;
  std::unique_ptr<RunApprovals> approvals_;      // after what it borrows
  std::optional<AuditedQuestioner> questioner_;  // before approvals_, where there are any
  std::unique_ptr<NetworkDoor> network_;
  std::optional<CommandService> commands_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_CALLS_H_
