// Where the audit log of a run is, and the directories and keys behind it.
#ifndef WRIT_LAUNCHER_AUDIT_PLACE_H_
#define WRIT_LAUNCHER_AUDIT_PLACE_H_

#include <optional>
#include <string>

#include "broker/audit/audit_log.h"
#include "broker/audit/held_directory.h"
#include "broker/base/error.h"
#include "launcher/person.h"
#include "launcher/run_options.h"
#include "launcher/run_setup.h"

namespace writ {

inline constexpr const char* kAuditLogName = "audit.jsonl";

// What of a run is recorded: everything that is decided, or what is worth looking at afterwards (docs/audit.md).
enum class AuditDetail : std::uint8_t { kNotable, kEverything };

struct AuditPlan {
  AuditNeed need = AuditNeed::kWanted;
  AuditDetail detail = AuditDetail::kNotable;
  std::string directory;  // of a log that was named; empty: the person's own log
  std::string name = kAuditLogName;
};

// Decides from the command line and the profile. Nothing: there is to be no log. Errors: --audit none against a profile
// that requires a log; a log that the tool could write.
[[nodiscard]] Result<std::optional<AuditPlan>> plan_audit(const RunOptions& options, const RunSetup& setup);

// <state home>/writ, made where it is missing.
[[nodiscard]] Result<HeldDirectory> own_state_directory(const Person& person);

// The directory of the person's log: <state home>/writ/audit.
[[nodiscard]] Result<HeldDirectory> own_audit_directory(const Person& person);
[[nodiscard]] std::string own_audit_log(const Person& person);

[[nodiscard]] Result<std::unique_ptr<AuditLog>> open_planned_log(const AuditPlan& plan, const Person& person);

}  // namespace writ

#endif  // WRIT_LAUNCHER_AUDIT_PLACE_H_
