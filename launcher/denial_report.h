// What was denied in a run, for people and for programs.
#ifndef WRIT_LAUNCHER_DENIAL_REPORT_H_
#define WRIT_LAUNCHER_DENIAL_REPORT_H_

#include <string>
#include <vector>

#include "broker/base/json_text.h"
#include "broker/mediation/decider.h"
#include "broker/mediation/denial_log.h"

namespace writ {

// A few lines for the end of a run; empty when nothing was denied.
[[nodiscard]] std::vector<std::string> denial_lines(const DenialLog& log);

// One line for each decision that is no denial, as it happens (`--trace`): what was allowed, or is being asked about.
[[nodiscard]] std::string decision_trace_line(const AccessRequest& request, Verdict verdict);

// One line for each denial as it happens (`--trace`).
[[nodiscard]] std::string denial_trace_line(const DeniedAccess& denial);

// The entries of the report; docs/report.md.
[[nodiscard]] JsonArray denials_json(const DenialLog& log);

}  // namespace writ

#endif  // WRIT_LAUNCHER_DENIAL_REPORT_H_
