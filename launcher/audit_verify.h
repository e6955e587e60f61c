// `writ audit verify` and `writ audit key`.
#ifndef WRIT_LAUNCHER_AUDIT_VERIFY_H_
#define WRIT_LAUNCHER_AUDIT_VERIFY_H_

#include "launcher/audit_options.h"

namespace writ {

// Exit statuses of verify.
inline constexpr int kExitAuditSound = 0;
inline constexpr int kExitAuditFindings = 1;

[[nodiscard]] int run_audit_verify(const AuditOptions& options);
[[nodiscard]] int run_audit_key(const AuditOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_AUDIT_VERIFY_H_
