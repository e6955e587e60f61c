#include "broker/mediation/policy_decider.h"

#include "broker/base/escape.h"

namespace writ {

namespace {

// Only what shields and silence refuse can be allowed by one more rule, and only by one that names the very object.
std::string remedy_for(const Decision& decision, const AccessRequest& request) {
  const bool shield = decision.cause == DecisionCause::kProtected || decision.cause == DecisionCause::kSecret;
  if (!shield && decision.cause != DecisionCause::kNothing) return {};
  return "{effect: allow, rights: [" + rights_text(request.rights) + "], path: " + quote_bytes(request.path) +
         ", optional: true}";
}

}  // namespace

bool PolicyDecider::may_allow(const AccessRequest& request) const {
  const Decision decision = policy_.decide_path(request.rights, request.path);
  if (decision.effect != Effect::kAllow) return decision.effect == Effect::kAsk;
  return enforced_.decide_path(request.rights, request.path).effect == Effect::kAllow;
}

bool PolicyDecider::allows_plainly(const AccessRequest& request) const {
  return policy_.decide_path(request.rights, request.path).effect == Effect::kAllow &&
         enforced_.decide_path(request.rights, request.path).effect == Effect::kAllow;
}

AccessVerdict PolicyDecider::decide(std::uint64_t, const AccessRequest& request) {
  Decision decision = policy_.decide_path(request.rights, request.path);
  if (decision.effect == Effect::kAllow) decision = enforced_.decide_path(request.rights, request.path);
  AccessVerdict verdict;
  verdict.verdict = decision.effect == Effect::kAllow ? Verdict::kAllowed : Verdict::kDenied;
  if (verdict.verdict == Verdict::kAllowed) return verdict;
  if (decision.effect == Effect::kAsk) verdict.verdict = Verdict::kAsk;
  verdict.cause = decision.cause;
  verdict.remedy = remedy_for(decision, request);
  if (decision.rule != nullptr) {
    verdict.rule = decision.rule->text();
    verdict.rule_origin = origin_text(decision.rule->origin, sources_);
    verdict.reason = decision.rule->reason;
  }
  return verdict;
}

}  // namespace writ
