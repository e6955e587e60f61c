// RunAudit: what one run records, and when it is written.
//
// Wanted records are written when nobody waits for the broker: in the session's idle moments. Where the profile
// requires them, they are written before what they are about happens; a record that cannot be written ends the run.
//
// Ownership: owns the log. Options and setup are borrowed. Threads: one, that of the session. Fork: open() comes after
// everything that forks.
#ifndef WRIT_LAUNCHER_RUN_AUDIT_H_
#define WRIT_LAUNCHER_RUN_AUDIT_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "broker/audit/audit_sink.h"
#include "broker/mediation/command_record.h"
#include "broker/mediation/denial_log.h"
#include "broker/mediation/tracing_decider.h"
#include "broker/network/network_denial.h"
#include "broker/sandbox/launch.h"
#include "launcher/audit_place.h"
#include "launcher/run_outcome.h"

namespace writ {

// Decisions of one run that are recorded one by one; a tool must not be able to fill the disk with them.
inline constexpr std::uint64_t kAuditedDecisionLimit = 200'000;

enum class AuditState : std::uint8_t { kOff, kNone, kComplete, kIncomplete };

// What the report says about the log.
struct AuditReport {
  AuditState state = AuditState::kOff;
  std::string path;    // raw bytes
  std::string run;     // 32 digits; empty without a log
  std::string reason;  // why it is none or incomplete; escaped
  std::uint64_t records = 0;
  std::uint64_t lost = 0;
  std::uint64_t not_recorded = 0;  // decisions beyond the limit
};

class RunAudit final : public AuditSink {
 public:
  // Errors: those of plan_audit().
  [[nodiscard]] static Result<std::unique_ptr<RunAudit>> plan(const RunOptions& options, const RunSetup& setup);

  // Opens the log and records the start. Errors: a required or named log that cannot be opened or written. Where the
  // person's own one cannot, there is a warning and no log. `setup` as it was planned with. Call once.
  [[nodiscard]] Status open();
  [[nodiscard]] bool is_required() const { return plan_ && plan_->need == AuditNeed::kRequired; }
  [[nodiscard]] bool records_everything() const { return plan_ && plan_->detail == AuditDetail::kEverything; }
  // True where a log that cannot be opened must keep the program from running.
  [[nodiscard]] bool opens_before_launch() const { return is_required() || (plan_ && !plan_->directory.empty()); }
  [[nodiscard]] bool was_opened() const { return opened_; }

  // AuditSink
  RecordNumber record(const AuditRecord& record) override;
  [[nodiscard]] bool settle() override;

  void launched(const PreparedLaunch& prepared);
  void not_launched(const LaunchError& error);
  // Decisions; each returns what settle() does.
  bool decided(const AccessRequest& request, Verdict verdict);
  void denied(const DeniedAccess& denial);
  bool decided_address(const NetworkDenial& decision, Effect outcome);
  bool decided_command(const CommandRecord& command, Effect outcome, const std::string& caller);
  bool granted_tree(const std::string& path);
  void ended(const RunOutcome& outcome);
  // The last call: writes everything, with a signed head. Errors: required records are not in the log.
  [[nodiscard]] Status finish();

  [[nodiscard]] bool is_finished() const { return finished_; }

  // For the session: what to do while nobody waits, and for how long at most not to.
  void write_when_due();
  [[nodiscard]] std::optional<std::chrono::milliseconds> poll_timeout() const;
  // Why the run has to end; nothing as long as it need not.
  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }

  [[nodiscard]] AuditReport report() const;

 private:
  using Clock = std::chrono::steady_clock;
  RunAudit(const RunOptions& options, const RunSetup& setup) : options_(options), setup_(setup) {}
  void record_start();
  void write();
  void note_problem(const Error& error);
  [[nodiscard]] bool takes_decision();

  const RunOptions& options_;
  const RunSetup& setup_;
  std::optional<AuditPlan> plan_;
  std::unique_ptr<AuditLog> log_;  // null: there is none
  bool opened_ = false;
  bool finished_ = false;
  bool warned_ = false;
  std::optional<Clock::time_point> oldest_;  // of the records that are not written yet
  std::uint64_t decisions_ = 0;
  std::uint64_t not_recorded_ = 0;
  RecordNumber start_;
  RecordNumber launch_;
  std::string problem_;  // escaped
  std::optional<std::string> failure_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_AUDIT_H_
