#include "broker/requests/request_decision.h"

#include <algorithm>
#include <string_view>

namespace writ {
namespace {

constexpr std::size_t kAnswerLimit = 131'072;  // bytes

bool allows(RequestAct act) { return act == RequestAct::kApprove || act == RequestAct::kEdit; }

Status check_policy(RequestAct act, const RequestDecision& decision) {
  const std::optional<NamedPolicy> policy = named_policy_from_name(decision.policy);
  if (!policy)
    return fail("a request for permission wants a policy",
                "--policy always_allow, ask_each_time (to approve), or always_deny, ask_each_time (to deny)");
  if (*policy == NamedPolicy::kAllowOnce)
    return fail("allow_once is no answer to a request for permission",
                "it asks what holds from now on: ask_each_time, or an answer that holds");
  if (allows(act) && *policy == NamedPolicy::kAlwaysDeny) return fail("to approve cannot mean always_deny");
  if (!allows(act) && *policy == NamedPolicy::kAlwaysAllow) return fail("to deny cannot mean always_allow");
  return {};
}

Status check_permission(const HumanRequest& request, RequestAct act, const RequestDecision& decision) {
  WRIT_TRY(check_policy(act, decision));
  if ((act == RequestAct::kEdit) != decision.edited.has_value()) return fail("an edit says what is granted instead");
  const auto* asked = std::get_if<PermissionPayload>(&request.payload);
  if (decision.edited && (asked == nullptr || !is_narrower(*decision.edited, *asked)))
    return fail("an edit must be narrower than what was asked for");
  return {};
}

Status check_per_use(const HumanRequest& request, RequestAct act, const RequestDecision& decision) {
  const auto* asked = std::get_if<PerUsePayload>(&request.payload);
  const bool deny = decision.outcome == ApprovalOutcome::kDeny;
  if (!decision.policy.empty() || decision.edited) return fail("a call that waits has no policy and cannot be edited");
  if ((act == RequestAct::kReject) != deny) return fail("the answer contradicts itself");
  if (asked == nullptr || !offered_outcomes(asked->question).has(decision.outcome))
    return fail("the answer '" + std::string(outcome_name(decision.outcome)) + "' is not offered");
  return {};
}

Status check_question(RequestAct act, const RequestDecision& decision) {
  if (act == RequestAct::kApprove && decision.answer.empty())
    return fail("a question wants an answer", "--answer TEXT");
  if (decision.answer.size() > kAnswerLimit) return fail("the answer is too long");
  return {};
}

bool is_part(std::string_view inner, std::string_view outer) {
  if (inner == outer) return true;
  if (!outer.ends_with("/*")) return false;
  const std::string_view directory = outer.substr(0, outer.size() - 2);
  const bool beneath =
      inner.starts_with(directory) && inner.size() > directory.size() && inner[directory.size()] == '/';
  // A path with ".." would lead out of it again.
  return inner == directory || (beneath && inner.find("/../") == std::string_view::npos && !inner.ends_with("/.."));
}

}  // namespace

bool is_narrower(const PermissionPayload& inner, const PermissionPayload& outer) {
  const auto asked = [&](const std::string& right) {
    return std::find(outer.rights.begin(), outer.rights.end(), right) != outer.rights.end();
  };
  if (inner.rights.empty() || !std::all_of(inner.rights.begin(), inner.rights.end(), asked)) return false;
  if (!is_part(inner.resource, outer.resource)) return false;
  return inner.resource != outer.resource || inner.rights.size() < outer.rights.size();
}

Status check_decision(const HumanRequest& request, RequestAct act, const RequestDecision& decision) {
  if (!status_after(request.kind, request.status, act))
    return fail("this is not possible for a " + std::string(request_kind_name(request.kind)) + " that is " +
                std::string(request_status_name(request.status)));
  if (decision.reason.size() > kRequestTextLimit) return fail("the reason is too long");
  if (act == RequestAct::kCancel || act == RequestAct::kDeliver) return {};
  switch (request.kind) {
    case RequestKind::kQuestion:
      return check_question(act, decision);
    case RequestKind::kPermissionRequest:
      return check_permission(request, act, decision);
    case RequestKind::kPerUse:
      return check_per_use(request, act, decision);
    case RequestKind::kOutput:
      break;
  }
  return {};
}

}  // namespace writ
