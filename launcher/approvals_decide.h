// `writ approvals approve` and `deny`.
#ifndef WRIT_LAUNCHER_APPROVALS_DECIDE_H_
#define WRIT_LAUNCHER_APPROVALS_DECIDE_H_

#include <string>

#include "launcher/approvals_options.h"

namespace writ {

[[nodiscard]] int approve_request(const ApprovalsOptions& options);
[[nodiscard]] int deny_request(const ApprovalsOptions& options);

// Who decides, for the queue: account, uid and process of the caller.
[[nodiscard]] std::string decider_text();

}  // namespace writ

#endif  // WRIT_LAUNCHER_APPROVALS_DECIDE_H_
