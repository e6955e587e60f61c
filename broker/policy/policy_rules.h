// Every rule of a profile in one list: what its lists grant, hide and protect, its `rules:`, and what the sandbox gives
// by itself. Internal to broker/policy: deciding, meeting and lowering start from it. Pure; any thread.
#ifndef WRIT_BROKER_POLICY_POLICY_RULES_H_
#define WRIT_BROKER_POLICY_POLICY_RULES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/policy/profile.h"
#include "broker/policy/rule.h"

namespace writ {

// What a rule was made from. The last three are shields: they stop allow and ask rules of places strictly above, and
// nothing else.
enum class RuleKind : std::uint8_t {
  kGrant,      // filesystem.read, filesystem.write
  kWritten,    // rules:, filesystem.deny_*
  kBuiltIn,    // private scratch, devices, the own loopback; the host's network
  kSecret,     // filesystem.hide, from the secrets table; metadata addresses
  kHidden,     // filesystem.hide
  kProtected,  // filesystem.protect, filesystem.shields, and trees granted for less inside of a tree granted for more
};

[[nodiscard]] constexpr bool is_shield(RuleKind kind) { return kind >= RuleKind::kSecret; }

struct PolicyRule {
  Rule rule;
  RuleKind kind;
};

// Returns the rules in this order: grants, written rules, shields, built-in rules.
[[nodiscard]] std::vector<PolicyRule> policy_rules(const Profile& profile);

// What a grant gives: a tree granted for reading {read, list, execute}, for writing {write} as well; execute only where
// the grant and writable_execution allow it.
[[nodiscard]] Rights grant_rights(const PathGrant& grant, const FilesystemPolicy& filesystem);

// Everything that the grant-like allow rules and ask rules of `rules` can give from strictly above `path`.
[[nodiscard]] Rights given_from_above(const std::vector<PolicyRule>& rules, std::string_view path);

// True when `path` lies strictly beneath the directory `parent`; both absolute and lexically normal.
[[nodiscard]] bool lies_strictly_in(std::string_view path, std::string_view parent);

// `relative` beneath `root`.
[[nodiscard]] std::string path_in(std::string_view root, std::string_view relative);

// The roots of the trees that `rules` let somebody write: to each of them filesystem.protect applies.
[[nodiscard]] std::vector<std::string> writable_roots(const std::vector<PolicyRule>& rules);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_POLICY_RULES_H_
