// `writ profile list`: the profiles that can be named, with what they are for and where they lie.
#ifndef WRIT_LAUNCHER_PROFILE_LIST_H_
#define WRIT_LAUNCHER_PROFILE_LIST_H_

#include "launcher/profile_options.h"

namespace writ {

// Returns the exit status: 0 also when some of the profiles are broken; `writ profile check` is for that.
[[nodiscard]] int run_profile_list(const ProfileOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_LIST_H_
