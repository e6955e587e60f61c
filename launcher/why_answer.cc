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

WhyDecision describe(const Profile& profile, const Decision& decision) {
  WhyDecision said{decision.effect, static_cast<WhyCause>(decision.cause), "", "", ""};
  if (decision.rule == nullptr) return said;
  said.rule = decision.rule->text();
  said.reason = decision.rule->reason;
  said.place = place_in_file(profile, decision.rule->origin);
  return said;
}

// Decides with the weakest of the names: each of them is used on the way to the object.
Decision decide_names(const AccessPolicy& policy, const PathRequest& request) {
  Decision strongest{Effect::kAllow, DecisionCause::kNothing, nullptr};
  for (const std::string& name : request.names) {
    const Decision decision = policy.decide_path(request.rights, name);
    if (decision.effect > strongest.effect || strongest.rule == nullptr) strongest = decision;
  }
  return strongest;
}

// The decision, and the rule that made it as an entry of `policy`.
struct Decider {
  const Profile& profile;
  const AccessPolicy& policy;

  Decision operator()(const PathRequest& request) const { return decide_names(policy, request); }
  Decision operator()(const AddressRequest& request) const {
    return policy.decide_address(request.rights, request.address);
  }
  Decision operator()(const CommandRequest& request) const {
    return policy.decide_path({Right::kExecute}, request.argv.front());
  }
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
  if (ruled_command(effective.policy, request) != nullptr) return Mechanism::kSeparateSandbox;
  const AccessPolicy policy = AccessPolicy::compile(effective.policy);
  const Decision decision = std::visit(Decider{effective.policy, policy}, request);
  const std::vector<Rule>& rules = policy.rules();
  const auto is_deciding = [&](const EnforcedRule& enforced) { return &rules[enforced.rule] == decision.rule; };
  const auto found = std::find_if(effective.mechanisms.begin(), effective.mechanisms.end(), is_deciding);
  if (found != effective.mechanisms.end()) return found->mechanism;
  return std::holds_alternative<AddressRequest>(request) ? Mechanism::kNetworkNamespace : Mechanism::kNotInView;
}

}  // namespace

WhyDecision decide_request(const Profile& profile, const AccessRequest& request) {
  if (const CommandRequest* command = ruled_command(profile, request)) return decide_ruled(profile, *command);
  const AccessPolicy policy = AccessPolicy::compile(profile);
  return describe(profile, std::visit(Decider{profile, policy}, request));
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
