#include "launcher/why_answer.h"

#include <algorithm>
#include <utility>

#include "broker/base/escape.h"
#include "launcher/profile_provenance.h"

namespace writ {
namespace {

constexpr const char* kNoMatchingRule = "commands are ruled by their arguments, and no rule has these";

std::string place_in_file(const Profile& profile, const RuleOrigin& origin) {
  return origin.line == 0 ? std::string() : place_text(profile, origin);
}

// Scratch is a tree that can be written; what lies beneath it on the host is not in the view.
bool is_scratch_above(const Rule& rule, const std::string& name) {
  const auto* pattern = std::get_if<PathPattern>(&rule.resource);
  return pattern != nullptr && rule.rights.has(Right::kWrite) && pattern->scope == PathScope::kSubtree &&
         pattern->path != name;
}

// Decides the parts of requests under one policy, keeping the rule that decided.
class Decider {
 public:
  Decider(const Profile& profile, const AccessPolicy& policy) : profile_(profile), policy_(policy) {}

  WhyDecision operator()(const PathRequest& request) {
    std::optional<WhyDecision> strictest;  // each of the names is used on the way to the object
    for (const std::string& name : request.names) {
      const Decision decision = policy_.decide_path(request.rights, name);
      WhyDecision said = describe(decision);
      const bool is_hidden_by_scratch = request.about == AskedAbout::kHostObject && decision.rule != nullptr &&
                                        said.cause == WhyCause::kSandbox && is_scratch_above(*decision.rule, name);
      if (is_hidden_by_scratch) said.effect = Effect::kDeny;
      if (strictest && said.effect <= strictest->effect) continue;
      strictest = std::move(said);
      rule_ = is_hidden_by_scratch ? nullptr : decision.rule;
    }
    return strictest.value_or(WhyDecision{});
  }

  WhyDecision operator()(const AddressRequest& request) {
    const Decision decision = policy_.decide_address(request.rights, request.address);
    rule_ = decision.rule;
    return describe(decision);
  }

  WhyDecision operator()(const CommandRequest& request) {
    return (*this)(PathRequest{{Right::kExecute}, request.names, AskedAbout::kHostObject});
  }

  // Of the last decision; nullptr when none made it.
  [[nodiscard]] const Rule* rule() const { return rule_; }

 private:
  WhyDecision describe(const Decision& decision) const {
    WhyDecision said{decision.effect, static_cast<WhyCause>(decision.cause), "", "", ""};
    if (decision.rule == nullptr) return said;
    if (policy_.is_built_in(decision.rule)) said.cause = WhyCause::kSandbox;
    said.rule = decision.rule->text();
    said.reason = decision.rule->reason;
    said.place = place_in_file(profile_, decision.rule->origin);
    return said;
  }

  const Profile& profile_;
  const AccessPolicy& policy_;
  const Rule* rule_ = nullptr;
};

const CommandRequest* ruled_command(const Profile& profile, const AccessRequest& request) {
  const auto* command = std::get_if<CommandRequest>(&request);
  return command != nullptr && is_ruled(profile.commands, command->argv.front()) ? command : nullptr;
}

WhyDecision decide_ruled(const Profile& profile, const CommandRequest& command) {
  const CommandDecision decision = decide_command(profile.commands, command.argv);
  if (decision.rule == nullptr) return {decision.effect, WhyCause::kCommand, "", kNoMatchingRule, ""};
  return {decision.effect, WhyCause::kCommand, decision.rule->text(), decision.rule->reason,
          place_in_file(profile, decision.rule->origin)};
}

Mechanism mechanism_of(const EffectiveProfile& effective, const AccessRequest& request) {
  if (const CommandRequest* command = ruled_command(effective.policy, request)) {
    const CommandDecision decision = decide_command(effective.policy.commands, command->argv);
    return decision.rule == nullptr ? Mechanism::kSeparateSandbox : mechanism_of(*decision.rule);
  }
  const AccessPolicy policy = AccessPolicy::compile(effective.policy);
  Decider decider(effective.policy, policy);
  (void)std::visit(decider, request);
  const std::vector<Rule>& rules = policy.rules();
  const auto is_deciding = [&](const EnforcedRule& enforced) { return &rules[enforced.rule] == decider.rule(); };
  const auto found = std::find_if(effective.mechanisms.begin(), effective.mechanisms.end(), is_deciding);
  if (found != effective.mechanisms.end()) return found->mechanism;
  return std::holds_alternative<AddressRequest>(request) ? Mechanism::kNetworkNamespace : Mechanism::kNotInView;
}

}  // namespace

WhyDecision decide_request(const Profile& profile, const AccessRequest& request) {
  if (const CommandRequest* command = ruled_command(profile, request)) return decide_ruled(profile, *command);
  const AccessPolicy policy = AccessPolicy::compile(profile);
  Decider decider(profile, policy);
  return std::visit(decider, request);
}

Result<WhyAnswer> judge(const RunPolicy& policy, const AccessRequest& request) {
  WRIT_ASSIGN(const EffectiveProfile effective,
              make_effective_profile(Profile(policy.own), policy.bounds, policy.places));
  WhyAnswer answer;
  answer.mechanism = mechanism_of(effective, request);
  answer.decision = decide_request(effective.policy, request);
  answer.decided_by = "the profile " + quote_bytes(policy.own.name);
  Profile own = policy.own;
  WRIT_TRY(guard_policy_places(own, policy.places));
  // Whoever is as strict as all together has decided; the profile first, because that is what a person can change.
  WhyDecision by_own = decide_request(own, request);
  if (by_own.effect >= answer.decision.effect) {
    answer.decision = std::move(by_own);
    return answer;
  }
  for (const Bound& bound : policy.bounds) {
    WhyDecision by_bound = decide_request(bound.profile, request);
    if (by_bound.effect < answer.decision.effect) continue;
    answer.decision = std::move(by_bound);
    answer.bound = bound.kind;
    answer.decided_by = bound.name;
    break;
  }
  return answer;
}

}  // namespace writ
