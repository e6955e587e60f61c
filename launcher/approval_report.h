// What somebody was asked during a run, for the report (docs/report.md). Pure; any thread.
#ifndef WRIT_LAUNCHER_APPROVAL_REPORT_H_
#define WRIT_LAUNCHER_APPROVAL_REPORT_H_

#include "broker/base/json_text.h"
#include "launcher/run_approvals.h"

namespace writ {

// The list `approvals`: one entry for each question, in the order of the answers.
[[nodiscard]] JsonArray approvals_json(const std::vector<ApprovalRecord>& records);

}  // namespace writ

#endif  // WRIT_LAUNCHER_APPROVAL_REPORT_H_
