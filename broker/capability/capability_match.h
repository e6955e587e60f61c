// What one capability says about one request, leaving aside whether it is still alive. Pure; any thread.
#ifndef WRIT_BROKER_CAPABILITY_CAPABILITY_MATCH_H_
#define WRIT_BROKER_CAPABILITY_CAPABILITY_MATCH_H_

#include "broker/capability/capability_request.h"

namespace writ {

struct CapabilityOpinion {
  CapabilityStanding standing = CapabilityStanding::kCounts;
  Effect effect = Effect::kDeny;
  bool resolves_ask = false;            // an approval that is bound to exactly this effect
  const AuthorityRule* rule = nullptr;  // of the capability
};

// The subject is the caller's to compare. What makes a capability stricter counts also where it cannot be told whether
// it applies (a rule about something that the request does not say, an unknown constraint); what makes it more generous
// does not.
[[nodiscard]] CapabilityOpinion opinion_of(const Capability& capability, const CapabilityRequest& request);

}  // namespace writ

#endif  // WRIT_BROKER_CAPABILITY_CAPABILITY_MATCH_H_
