// `writ profile explain`: by which mechanism each part of a profile is enforced, what that costs, and what is not in
// force.
#ifndef WRIT_LAUNCHER_PROFILE_EXPLAIN_H_
#define WRIT_LAUNCHER_PROFILE_EXPLAIN_H_

#include "launcher/profile_options.h"

namespace writ {

// Returns the exit status.
[[nodiscard]] int run_profile_explain(const ProfileOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_EXPLAIN_H_
