// Which decisions about a request are valid. An invalid one has no effect. Pure; any thread.
#ifndef WRIT_BROKER_REQUESTS_REQUEST_DECISION_H_
#define WRIT_BROKER_REQUESTS_REQUEST_DECISION_H_

#include "broker/approval/named_policy.h"
#include "broker/base/error.h"
#include "broker/requests/human_request.h"

namespace writ {

// Errors: `act` is not possible; a question approved without an answer; a per-use answer that was not offered; a
// permission request without a named policy, with one that contradicts the act (approve cannot install always_deny,
// reject cannot install always_allow), or with allow_once, which is no answer to it; an edit that is not narrower than
// what was asked for; a text that is too long.
[[nodiscard]] Status check_decision(const HumanRequest& request, RequestAct act, const RequestDecision& decision);

// True when what `inner` asks for is part of what `outer` asks for, and not all of it.
[[nodiscard]] bool is_narrower(const PermissionPayload& inner, const PermissionPayload& outer);

}  // namespace writ

#endif  // WRIT_BROKER_REQUESTS_REQUEST_DECISION_H_
