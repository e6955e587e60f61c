// `writ run`: launch one program in a sandbox and leave with its exit status.
#ifndef WRIT_LAUNCHER_RUN_COMMAND_H_
#define WRIT_LAUNCHER_RUN_COMMAND_H_

#include "broker/sandbox/broker_start.h"
#include "launcher/ceiling_file.h"
#include "launcher/run_companion.h"
#include "launcher/run_options.h"

namespace writ {

// Does everything; returns the exit status of the process (timeout(1), env(1)). `broker` comes from start_broker(),
// `ceiling` from before it. `companion` (borrowed) may be null.
[[nodiscard]] int run_run_command(const RunOptions& options, BrokerStart broker, const CeilingFile& ceiling,
                                  RunCompanion* companion = nullptr);

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_COMMAND_H_
