// `writ profile check`: everything about a profile that can be known without running it: mistakes, failed cases,
// advice.
#ifndef WRIT_LAUNCHER_PROFILE_CHECK_H_
#define WRIT_LAUNCHER_PROFILE_CHECK_H_

#include "launcher/profile_options.h"

namespace writ {

// Returns the exit status: 0 no mistake (there may be warnings), 1 a mistake or a failed case.
[[nodiscard]] int run_profile_check(const ProfileOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_CHECK_H_
