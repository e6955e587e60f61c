// `writ profile test`: the cases of a profile's `tests:`.
#ifndef WRIT_LAUNCHER_PROFILE_TEST_H_
#define WRIT_LAUNCHER_PROFILE_TEST_H_

#include <string>

#include "broker/base/json_text.h"
#include "broker/policy/policy_case.h"
#include "launcher/profile_options.h"

namespace writ {

// Returns the exit status: 0 all cases passed, 1 one failed, kExitWritFailed when a profile cannot be loaded.
[[nodiscard]] int run_profile_test(const ProfileOptions& options);

// "my.yaml:30: read /etc/shadow → deny, but it is allow: allow read /etc/*" (escaped), for a case that failed.
[[nodiscard]] std::string failed_case_text(const Profile& profile, const PolicyCaseResult& result);

// {"text": …, "expected": …, "decided": …, "passed": …, "because": …, "file": …, "line": …}
[[nodiscard]] JsonObject case_result_json(const Profile& profile, const PolicyCaseResult& result);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_TEST_H_
