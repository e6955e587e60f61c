#include "broker/policy/policy_case.h"

#include <utility>

#include "broker/base/escape.h"
#include "broker/policy/access_policy.h"
#include "broker/policy/profile.h"

namespace writ {
namespace {

// Phrases for a decision that no rule made.
std::string reason_without_rule(Rights rights) {
  return rights.empty() ? "no rule of this program matches these arguments" : "no rule speaks of it";
}

std::string explanation(const Rule& rule) {
  return rule.reason.empty() ? rule.text() : rule.text() + ": " + escape_bytes(rule.reason);
}

PolicyCaseResult result_of(const PolicyCase& policy_case, const Decision& decision) {
  return {&policy_case, decision.effect,
          decision.rule == nullptr ? reason_without_rule(policy_case.rights) : explanation(*decision.rule)};
}

PolicyCaseResult decide_path_case(const PolicyCase& policy_case, const AccessPolicy& policy) {
  return result_of(policy_case, policy.decide_path(policy_case.rights, policy_case.target));
}

PolicyCaseResult decide_address_case(const PolicyCase& policy_case, const AccessPolicy& policy) {
  const Result<Address> address = Address::parse(policy_case.target);
  if (!address) return {&policy_case, Effect::kDeny, address.error().describe()};
  return result_of(policy_case, policy.decide_address(policy_case.rights, *address));
}

// A program that no rule speaks of runs like any other file of the view: by its path, where the case gives one.
PolicyCaseResult decide_command_case(const PolicyCase& policy_case, const Profile& profile,
                                     const AccessPolicy& policy) {
  if (policy_case.command.empty()) return {&policy_case, Effect::kDeny, "an empty command"};
  const std::string& program = policy_case.command.front();
  if (!is_ruled(profile.commands, program)) {
    if (program.starts_with('/')) return result_of(policy_case, policy.decide_path({Right::kExecute}, program));
    return {&policy_case, Effect::kAllow, "no command rule speaks of this program"};
  }
  const CommandDecision decision = decide_command(profile.commands, policy_case.command);
  if (decision.rule == nullptr) return {&policy_case, decision.effect, reason_without_rule({})};
  std::string because = decision.rule->text();
  if (!decision.rule->reason.empty()) because.append(": ").append(escape_bytes(decision.rule->reason));
  return {&policy_case, decision.effect, std::move(because)};
}

PolicyCaseResult decide_case(const PolicyCase& policy_case, const Profile& profile, const AccessPolicy& policy) {
  if (policy_case.rights.empty()) return decide_command_case(policy_case, profile, policy);
  if (kPathRights.covers(policy_case.rights)) return decide_path_case(policy_case, policy);
  return decide_address_case(policy_case, policy);
}

}  // namespace

std::string PolicyCase::text() const {
  const std::string action = rights.empty() ? "exec" : rights_text(rights);
  return action + " " + escape_bytes(target) + " → " + std::string(effect_name(expected));
}

std::vector<PolicyCaseResult> run_policy_cases(const Profile& profile) {
  std::vector<PolicyCaseResult> results;
  if (profile.tests.empty()) return results;
  const AccessPolicy policy = AccessPolicy::compile(profile);
  results.reserve(profile.tests.size());
  for (const PolicyCase& policy_case : profile.tests) results.push_back(decide_case(policy_case, profile, policy));
  return results;
}

}  // namespace writ
