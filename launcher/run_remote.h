// `writ run --broker` and `--detach`: asks the broker to launch what this command line says.
#ifndef WRIT_LAUNCHER_RUN_REMOTE_H_
#define WRIT_LAUNCHER_RUN_REMOTE_H_

#include "launcher/run_options.h"

namespace writ {

// In the foreground the sandbox has our streams and our environment, gets our signals, ends with us, and the exit
// status is its own. Detached: prints the sandbox's number and returns 0. 125: there is no broker, or it refused.
int run_through_broker(const RunOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_REMOTE_H_
