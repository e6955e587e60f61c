// Decider: says whether a subject may use rights on a path. The mediators ask it with the canonical path, before
// anything is done. The policy is one decider (policy_decider.h); one that asks somebody answers later
// (asking_decider.h).
//
// Threads: one, that of the loop.
#ifndef WRIT_BROKER_MEDIATION_DECIDER_H_
#define WRIT_BROKER_MEDIATION_DECIDER_H_

#include <cstdint>
#include <string>

#include "broker/approval/questioner.h"
#include "broker/mediation/caller_record.h"
#include "broker/policy/access_policy.h"

namespace writ {

struct AccessRequest {
  Rights rights;
  std::string path;       // canonical, as the tool sees it
  std::string requested;  // as the call gave it
  AnswerReach reach = AnswerReach::kCallOrRun;
  pid_t thread = 0;
  const CallerRecord* caller = nullptr;  // borrowed for the call; null: nobody can be shown
};

enum class Verdict : std::uint8_t {
  kAllowed,
  kDenied,
  kAsk,    // a rule wants somebody asked
  kLater,  // somebody is asked: resume() goes on
};

struct AccessVerdict {
  Verdict verdict = Verdict::kDenied;
  DecisionCause cause = DecisionCause::kNothing;
  std::string rule;         // its text
  std::string rule_origin;  // "FILE:LINE"; empty for one that is not from a file
  std::string reason;       // for a person; may be empty
  std::string remedy;       // the one rule that would allow it; empty where there is none
};

class Decider {
 public:
  Decider() = default;
  Decider(const Decider&) = delete;
  Decider& operator=(const Decider&) = delete;
  virtual ~Decider() = default;
  // `id` names the call for a later answer.
  [[nodiscard]] virtual AccessVerdict decide(std::uint64_t id, const AccessRequest& request) = 0;
  // The call `id`, which was kLater, is gone.
  virtual void withdraw(std::uint64_t) {}
  // True when decide() would allow it at once and for good. Asks nobody and notes nothing, because nobody may ever use
  // the answer. Where that cannot be told, false only costs time.
  [[nodiscard]] virtual bool allows_plainly(const AccessRequest&) const { return false; }
  // What the policy says about it, for an explanation. Asks nobody and notes nothing.
  [[nodiscard]] virtual AccessVerdict explain(const AccessRequest& request) = 0;
  // False when decide() would deny it, whoever is asked. Asks nobody and notes nothing.
  [[nodiscard]] virtual bool may_allow(const AccessRequest&) const { return true; }
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_DECIDER_H_
