// Rules, command rules and cases as the YAML that a profile holds. What is made here, the profile loader reads back as
// the same rule. Pure; any thread.
#ifndef WRIT_LAUNCHER_OUTLINE_RULES_H_
#define WRIT_LAUNCHER_OUTLINE_RULES_H_

#include <string>
#include <vector>

#include "broker/policy/profile.h"
#include "launcher/profile_outline.h"

namespace writ {

// One item of `rules:`, on one line: "{effect: allow, rights: [read], path: /srv/data}".
[[nodiscard]] std::string rule_yaml(const Rule& rule);

// One item of `commands:`.
[[nodiscard]] std::string command_rule_yaml(const CommandRule& rule);

// Appends the sections rules, commands and tests.
void outline_rules(const Profile& profile, std::vector<OutlineEntry>& entries);

}  // namespace writ

#endif  // WRIT_LAUNCHER_OUTLINE_RULES_H_
