#include "broker/approval/approval_answer.h"

#include <algorithm>

namespace writ {

std::optional<ApprovalOutcome> outcome_from_name(std::string_view name) {
  const auto found = std::find(kOutcomeNames.begin(), kOutcomeNames.end(), name);
  if (found == kOutcomeNames.end()) return std::nullopt;
  return static_cast<ApprovalOutcome>(found - kOutcomeNames.begin());
}

std::string offered_text(OutcomeSet outcomes) {
  std::string text;
  for (const ApprovalOutcome outcome :
       {ApprovalOutcome::kAllowOnce, ApprovalOutcome::kAllowRun, ApprovalOutcome::kAllowAlways, ApprovalOutcome::kDeny})
    if (outcomes.has(outcome)) text.append(text.empty() ? "" : ", ").append(outcome_name(outcome));
  return text;
}

}  // namespace writ
