// Rules, command rules and cases as JSON: the same members wherever a command prints one. Pure; any thread.
#ifndef WRIT_LAUNCHER_RULE_JSON_H_
#define WRIT_LAUNCHER_RULE_JSON_H_

#include "broker/base/json_text.h"
#include "broker/policy/profile.h"
#include "broker/policy/rule.h"

namespace writ {

// {"text": …, "effect": …, "rights": […], "path"|"address": …, "reason": …, "file": …, "line": …}; what is empty or
// not known is absent.
[[nodiscard]] JsonObject rule_json(const Profile& profile, const Rule& rule);
[[nodiscard]] JsonObject command_rule_json(const Profile& profile, const CommandRule& rule);
[[nodiscard]] JsonObject case_json(const Profile& profile, const PolicyCase& policy_case);

// Sets "file" and "line" where the origin is in a file.
void set_origin(JsonObject& object, const Profile& profile, const RuleOrigin& origin);

}  // namespace writ

#endif  // WRIT_LAUNCHER_RULE_JSON_H_
