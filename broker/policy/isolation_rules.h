// Which layers may be `prefer` together: whatever is missing on a host, something must stay in charge. Pure; any
// thread.
#ifndef WRIT_BROKER_POLICY_ISOLATION_RULES_H_
#define WRIT_BROKER_POLICY_ISOLATION_RULES_H_

#include <optional>
#include <string_view>

#include "broker/policy/profile.h"

namespace writ {

struct IsolationConflict {
  Layer layer;              // whose requirement is at fault
  std::string_view reason;  // static storage
};

// Returns the first combination of requirements that must not be, or nothing. The profile loader refuses them; whoever
// changes requirements later (command line) must ask again.
[[nodiscard]] std::optional<IsolationConflict> find_isolation_conflict(const Profile& profile);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_ISOLATION_RULES_H_
