// The entry of an approval file that the answer `always` writes. Pure; any thread.
#ifndef WRIT_LAUNCHER_APPROVAL_RULE_H_
#define WRIT_LAUNCHER_APPROVAL_RULE_H_

#include <cstddef>
#include <string>

#include "broker/approval/questioner.h"

namespace writ {

// Longer rules could not be shown as a whole to whoever shall agree to them.
inline constexpr std::size_t kApprovalRuleLimit = 600;

// "{effect: run, rights: [connect], address: 192.0.2.1:443}". Empty where no rule can be written that speaks of this
// very object and of nothing else: a name that is no text, or one that means a tree in a rule; or one that is too long.
[[nodiscard]] std::string approval_rule(const QuestionDraft& draft);

}  // namespace writ

#endif  // WRIT_LAUNCHER_APPROVAL_RULE_H_
