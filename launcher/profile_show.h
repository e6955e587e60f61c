// `writ profile show`: a profile as it was written, or as the policy that it means.
#ifndef WRIT_LAUNCHER_PROFILE_SHOW_H_
#define WRIT_LAUNCHER_PROFILE_SHOW_H_

#include <string>

#include "launcher/profile_options.h"
#include "launcher/profile_reading.h"

namespace writ {

// Returns the exit status.
[[nodiscard]] int run_profile_show(const ProfileOptions& options);

// The effective profile as one YAML file that loads again to the same policy, each entry with its place.
[[nodiscard]] std::string resolved_yaml(const ReadProfile& read, const ProfileContext& context);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_SHOW_H_
