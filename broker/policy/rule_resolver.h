// `rules:`, `commands:` and `tests:` of a draft → those of the profile. Internal to the profile loader. Pure.
#ifndef WRIT_BROKER_POLICY_RULE_RESOLVER_H_
#define WRIT_BROKER_POLICY_RULE_RESOLVER_H_

#include <span>
#include <string>

#include "broker/base/error.h"
#include "broker/policy/place_resolver.h"
#include "broker/policy/profile_draft.h"
#include "broker/policy/profile_loader.h"

namespace writ {

// Appends to draft.profile.rules, .commands and .tests. Errors carry file:line:column: places that cannot be expanded,
// the whole file system, a workspace among `secrets`, examples of a command rule that behave otherwise.
[[nodiscard]] Status resolve_rules(ProfileDraft& draft, PlaceResolver& places, std::span<const std::string> secrets,
                                   ProfileRole role);
// Error: filesystem.protect, which holds in each tree, names too many places in all.
[[nodiscard]] Status check_protected_count(const ProfileDraft& draft);
[[nodiscard]] Status resolve_commands(ProfileDraft& draft, PlaceResolver& places);
[[nodiscard]] Status resolve_tests(ProfileDraft& draft, PlaceResolver& places);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_RULE_RESOLVER_H_
