// `writ audit …`: the table of its subcommands.
#ifndef WRIT_LAUNCHER_AUDIT_COMMAND_H_
#define WRIT_LAUNCHER_AUDIT_COMMAND_H_

#include "launcher/audit_options.h"
#include "launcher/command_spec.h"

namespace writ {

// Reads the words behind `writ audit`. Errors are printed.
[[nodiscard]] Parsed<AuditOptions> parse_audit_options(const TypedWords& typed);

// Does what the subcommand does and returns the exit status of the process.
[[nodiscard]] int run_audit_command(const AuditOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_AUDIT_COMMAND_H_
