// `writ approvals watch`.
#ifndef WRIT_LAUNCHER_APPROVALS_WATCH_H_
#define WRIT_LAUNCHER_APPROVALS_WATCH_H_

#include "launcher/approvals_options.h"

namespace writ {

// Blocks until it is interrupted.
[[nodiscard]] int watch_approvals(const ApprovalsOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_APPROVALS_WATCH_H_
