// The last step of loading a profile: variables expanded, paths checked, contradictions refused, secrets hidden.
// Internal to the profile loader. Pure; any thread.
#ifndef WRIT_BROKER_POLICY_PROFILE_RESOLVE_H_
#define WRIT_BROKER_POLICY_PROFILE_RESOLVE_H_

#include "broker/base/error.h"
#include "broker/policy/profile.h"
#include "broker/policy/profile_draft.h"
#include "broker/policy/profile_loader.h"
#include "broker/policy/profile_variables.h"

namespace writ {

// Returns the profile that `draft` describes. `variables` are the built-in ones; `home` and `uid` also select the
// secret locations. Errors carry file:line:column.
[[nodiscard]] Result<Profile> resolve_profile(ProfileDraft draft, const VariableMap& variables, ProfileRole role);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_PROFILE_RESOLVE_H_
