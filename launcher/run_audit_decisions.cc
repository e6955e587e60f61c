// The part of RunAudit about what is decided while a tool runs.
#include <algorithm>
#include <array>

#include "broker/mediation/caller_record.h"
#include "launcher/run_audit.h"

namespace writ {
namespace {

std::string_view outcome_of(Verdict verdict) {
  constexpr std::array<std::string_view, 4> kNames = {"allow", "deny", "ask", "ask"};
  return kNames[static_cast<std::size_t>(verdict)];
}

}  // namespace

// Beyond the limit decisions are counted only; the record about that is the last one.
bool RunAudit::takes_decision() {
  if (!log_) return false;
  if (++decisions_ <= kAuditedDecisionLimit) return true;
  if (not_recorded_++ > 0) return false;
  AuditRecord record(AuditEvent::kLimit, kSubjectWrit, launch_);
  record.set(AuditField::kLimit, "audit_decisions").set(AuditField::kValue, kAuditedDecisionLimit);
  (void)this->record(record);
  return false;
}

bool RunAudit::decided(const AccessRequest& request, Verdict verdict) {
  if (!takes_decision()) return settle();
  const std::string program = request.caller == nullptr ? std::string() : request.caller->program();
  const std::string rights = rights_text(request.rights);
  AuditRecord record(AuditEvent::kDecision, program, launch_);
  record.set(AuditField::kObjectKind, "path").set(AuditField::kObject, request.path);
  record.set(AuditField::kRights, rights).set(AuditField::kOutcome, outcome_of(verdict));
  (void)this->record(record);
  return settle();
}

// Repeated denials would fill the log with the same line: the first ones count, and then each time that there are twice
// as many.
void RunAudit::denied(const DeniedAccess& denial) {
  const bool is_power_of_two = (denial.times & (denial.times - 1)) == 0;
  if (!is_power_of_two || !takes_decision()) return;
  const std::string rights = rights_text(denial.rights);
  AuditRecord record(AuditEvent::kDecision, denial.program, launch_);
  record.set(AuditField::kObjectKind, "path").set(AuditField::kObject, denial.path);
  record.set(AuditField::kRights, rights).set(AuditField::kOutcome, "deny");
  record.set(AuditField::kCause, cause_name(denial.cause)).set_unless_empty(AuditField::kRule, denial.rule);
  record.set_unless_empty(AuditField::kReason, denial.reason).set(AuditField::kTimes, denial.times);
  (void)this->record(record);
  // It is denied whether the record is written or not; but no run goes on without its log.
  (void)settle();
}

bool RunAudit::decided_address(const NetworkDenial& decision, Effect outcome) {
  if (!takes_decision()) return settle();
  const std::string program = CallerRecord(decision.thread).program();
  AuditRecord record(AuditEvent::kDecision, program, launch_);
  record.set(AuditField::kObjectKind, "address").set(AuditField::kObject, decision.address);
  record.set(AuditField::kRights, decision.call).set(AuditField::kOutcome, effect_name(outcome));
  record.set_unless_empty(AuditField::kReason, decision.because);
  (void)this->record(record);
  return settle();
}

bool RunAudit::decided_command(const CommandRecord& command, Effect outcome, const std::string& caller) {
  if (!takes_decision()) return settle();
  const std::string origin = origin_text(command.origin, setup_.profile.sources);
  AuditRecord record(AuditEvent::kDecision, caller, launch_);
  record.set(AuditField::kObjectKind, "command").set(AuditField::kObject, command.program);
  record.set(AuditField::kRights, "execute").set(AuditField::kOutcome, effect_name(outcome));
  record.set(AuditField::kCause, cause_name(command.rule.empty() ? DecisionCause::kNothing : DecisionCause::kRule));
  record.set_unless_empty(AuditField::kRule, command.rule).set_unless_empty(AuditField::kOrigin, origin);
  record.set(AuditField::kArgv, command.argv);
  (void)this->record(record);
  return settle();
}

bool RunAudit::granted_tree(const std::string& path) {
  AuditRecord record(AuditEvent::kGrant, kSubjectWrit, launch_);
  record.set(AuditField::kObjectKind, "tree").set(AuditField::kObject, path);
  (void)this->record(record);
  return settle();
}

}  // namespace writ
