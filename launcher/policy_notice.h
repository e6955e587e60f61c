// PolicyNotice: what the tool itself is told of the rules that bind it, with their reasons: the file
// /run/writ/policy.json of its view. Pure; any thread.
#ifndef WRIT_LAUNCHER_POLICY_NOTICE_H_
#define WRIT_LAUNCHER_POLICY_NOTICE_H_

#include <string>

#include "broker/policy/profile.h"

namespace writ {

// Returns the JSON text, or nothing when `policy` has no rule of `rules:` or `commands:`. It names what the profile
// names and nothing that the host has: a tool learns no path from it that the profile's author did not write.
[[nodiscard]] std::string policy_notice(const Profile& policy);

}  // namespace writ

#endif  // WRIT_LAUNCHER_POLICY_NOTICE_H_
