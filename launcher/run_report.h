// RunReport: what `--report`, `--dry-run` and the warnings on the terminal say about one run.
#ifndef WRIT_LAUNCHER_RUN_REPORT_H_
#define WRIT_LAUNCHER_RUN_REPORT_H_

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/json_text.h"
#include "broker/grant/persistence_guard.h"
#include "broker/kernel/broker_confinement.h"
#include "broker/mediation/denial_log.h"
#include "broker/mediation/notification_loop.h"
#include "broker/network/network_denial.h"
#include "broker/sandbox/launch.h"
#include "launcher/run_session.h"
#include "launcher/run_setup.h"
#include "launcher/tree_revocations.h"

namespace writ {

inline constexpr int kRunReportSchemaVersion = 1;

// What is known about a run; null where it did not get that far.
struct RunFacts {
  const RunOptions* options = nullptr;
  const RunSetup* setup = nullptr;
  const PreparedLaunch* prepared = nullptr;
  const RunOutcome* outcome = nullptr;
  const GuardReport* guard = nullptr;
  const CommandService* commands = nullptr;
  const NetworkDenials* network_denials = nullptr;
  const DenialLog* denials = nullptr;
  const NotificationCounts* mediated_calls = nullptr;
  const std::vector<ApprovalRecord>* approvals = nullptr;
  const std::vector<RevokedTree>* revoked = nullptr;
  const BrokerConfinement* confinement = nullptr;
  const RunLimits* limits = nullptr;
  int landlock_abi = 0;
  AuditReport audit;
  std::size_t dropped_sequences = 0;  // dangerous escape sequences taken out of the tool's terminal output
};

// The whole report; fields are described in docs/report.md.
[[nodiscard]] JsonValue run_report_json(const RunFacts& facts);

// The plan for people (`--dry-run`).
[[nodiscard]] std::string run_plan_text(const RunFacts& facts);

// Lines for standard error: missing layers, quarantined files, warnings of the view. Empty when nothing is wrong.
[[nodiscard]] std::vector<std::string> run_warnings(const RunFacts& facts);

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_REPORT_H_
