// The `tests:` block of a profile: cases that must be decided as written. Pure; any thread.
#ifndef WRIT_BROKER_POLICY_POLICY_CASE_H_
#define WRIT_BROKER_POLICY_POLICY_CASE_H_

#include <string>
#include <variant>
#include <vector>

#include "broker/policy/rule.h"

namespace writ {

struct Profile;

// `read /etc/shadow → deny`, `exec git push → ask`, `connect 10.0.0.1:22 → deny`.
struct PolicyCase {
  Rights rights;       // read, write, execute, list; or connect, bind; empty for a command
  std::string target;  // expanded path, address text, or the command as written
  std::vector<std::string> command;
  Effect expected = Effect::kDeny;
  RuleOrigin origin;

  [[nodiscard]] std::string text() const;  // "read /etc/shadow → deny"
};

struct PolicyCaseResult {
  const PolicyCase* policy_case;
  Effect decided;
  std::string because;  // the deciding rule, for people
  [[nodiscard]] bool passed() const { return decided == policy_case->expected; }
};

// Decides every case of `profile` with its own policy.
[[nodiscard]] std::vector<PolicyCaseResult> run_policy_cases(const Profile& profile);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_POLICY_CASE_H_
