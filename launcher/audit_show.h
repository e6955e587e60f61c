// `writ audit show`, `tail` and `export`.
#ifndef WRIT_LAUNCHER_AUDIT_SHOW_H_
#define WRIT_LAUNCHER_AUDIT_SHOW_H_

#include "launcher/audit_options.h"

namespace writ {

[[nodiscard]] int run_audit_show(const AuditOptions& options);
[[nodiscard]] int run_audit_tail(const AuditOptions& options);
[[nodiscard]] int run_audit_export(const AuditOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_AUDIT_SHOW_H_
