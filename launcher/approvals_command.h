// `writ approvals …`: what waits for a person, and answers to it, from any terminal. The table of its subcommands.
#ifndef WRIT_LAUNCHER_APPROVALS_COMMAND_H_
#define WRIT_LAUNCHER_APPROVALS_COMMAND_H_

#include "launcher/approvals_options.h"
#include "launcher/command_spec.h"

namespace writ {

// Reads the words behind `writ approvals`. Errors are printed.
[[nodiscard]] Parsed<ApprovalsOptions> parse_approvals_options(const TypedWords& typed);

// Does what the subcommand does and returns the exit status of the process.
[[nodiscard]] int run_approvals_command(const ApprovalsOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_APPROVALS_COMMAND_H_
