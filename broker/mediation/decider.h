// Decider: says whether a subject may use rights on a path. The mediator asks it with the canonical path, before
// anything is done. The policy is one decider (policy_decider.h); one that asks a person answers later.
//
// Threads: one, that of the loop.
#ifndef WRIT_BROKER_MEDIATION_DECIDER_H_
#define WRIT_BROKER_MEDIATION_DECIDER_H_

#include <cstdint>
#include <string>

#include "broker/policy/access_policy.h"

namespace writ {

struct AccessRequest {
  Rights rights;
  std::string path;  // canonical, as the tool sees it
};

enum class Verdict : std::uint8_t {
  kAllowed,
  kDenied,
  kLater,  // somebody is asked: WriteMediator::resume() or the deadline ends it
};

struct AccessVerdict {
  Verdict verdict = Verdict::kDenied;
  DecisionCause cause = DecisionCause::kNothing;
  std::string rule;    // its text and place; empty when none speaks of it
  std::string reason;  // for a person; may be empty
  std::string remedy;  // the one rule that would allow it; empty where there is none
};

class Decider {
 public:
  Decider() = default;
  Decider(const Decider&) = delete;
  Decider& operator=(const Decider&) = delete;
  virtual ~Decider() = default;
  // `id` names the call for a later answer.
  [[nodiscard]] virtual AccessVerdict decide(std::uint64_t id, const AccessRequest& request) = 0;
  // True when decide() would allow it at once and for good. Asks nobody and notes nothing, because nobody may ever use
  // the answer. Where that cannot be told, false only costs time.
  [[nodiscard]] virtual bool allows_plainly(const AccessRequest&) const { return false; }
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_DECIDER_H_
