// `writ ci`: a step of a CI job in a sandbox: the same command and exit status, and a verdict.
#ifndef WRIT_LAUNCHER_CI_COMMAND_H_
#define WRIT_LAUNCHER_CI_COMMAND_H_

#include "launcher/ci_options.h"

namespace writ {

// Does everything; returns the exit status of the process (docs/ci.md). The process must not have started a broker:
// the run is a process of its own.
[[nodiscard]] int run_ci_command(const CiOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_CI_COMMAND_H_
