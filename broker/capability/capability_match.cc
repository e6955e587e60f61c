#include "broker/capability/capability_match.h"

namespace writ {
namespace {

constexpr CapabilityOpinion passes(CapabilityStanding standing) { return {standing, Effect::kDeny, false, nullptr}; }

struct RulesOpinion {
  const AuthorityRule* strictest = nullptr;  // of those that deny or ask and may apply
  const AuthorityRule* allowing = nullptr;   // one that allows and does apply
  bool lists_allowed = false;                // there is one that allows
};

RulesOpinion read_rules(const CapabilityConstraints& constraints, const OperationContext& context) {
  RulesOpinion opinion;
  for (const AuthorityRule& rule : constraints.rules) {
    const RuleMatch match = match_rule(rule, context);
    if (rule.effect == Effect::kAllow) {
      opinion.lists_allowed = true;
      if (match == RuleMatch::kYes && opinion.allowing == nullptr) opinion.allowing = &rule;
    } else if (match != RuleMatch::kNo && (opinion.strictest == nullptr || opinion.strictest->effect < rule.effect)) {
      opinion.strictest = &rule;
    }
  }
  return opinion;
}

CapabilityOpinion opinion_of_restriction(const Capability& capability, const CapabilityRequest& request) {
  const CapabilityConstraints& constraints = capability.constraints;
  if (constraints.rules.empty() || constraints.has_unknown)
    return {CapabilityStanding::kCounts, capability.effect, false, nullptr};
  const RulesOpinion rules = read_rules(constraints, request.context);
  if (rules.strictest == nullptr) return passes(CapabilityStanding::kNoRule);
  return {CapabilityStanding::kCounts, std::max(capability.effect, rules.strictest->effect), false, rules.strictest};
}

CapabilityOpinion opinion_of_permission(const Capability& capability, const CapabilityRequest& request) {
  const CapabilityConstraints& constraints = capability.constraints;
  if (constraints.empty()) return {CapabilityStanding::kCounts, Effect::kAllow, false, nullptr};
  if (constraints.binding && constraints.binding != request.binding) return passes(CapabilityStanding::kOtherEffect);
  const RulesOpinion rules = read_rules(constraints, request.context);
  if (rules.strictest != nullptr) return {CapabilityStanding::kCounts, rules.strictest->effect, false, rules.strictest};
  if (constraints.has_unknown) return passes(CapabilityStanding::kUnknownConstraint);
  if (rules.lists_allowed && rules.allowing == nullptr) return passes(CapabilityStanding::kNoRule);
  return {CapabilityStanding::kCounts, Effect::kAllow, constraints.binding.has_value(), rules.allowing};
}

}  // namespace

CapabilityOpinion opinion_of(const Capability& capability, const CapabilityRequest& request) {
  if (!capability.rights.has(request.right)) return passes(CapabilityStanding::kOtherRight);
  if (!capability.resource.covers(request.resource)) return passes(CapabilityStanding::kOtherResource);
  return capability.effect == Effect::kAllow ? opinion_of_permission(capability, request)
                                             : opinion_of_restriction(capability, request);
}

}  // namespace writ
