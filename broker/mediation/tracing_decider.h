// TracingDecider: passes every decision on, and tells an observer of those that are no denial; a denial is told by the
// list of denials (denial_log.h), with whose call it was. The observer can object: what it must record and cannot is
// not allowed.
//
// Ownership: the other decider is borrowed. Threads: one, that of the loop.
#ifndef WRIT_BROKER_MEDIATION_TRACING_DECIDER_H_
#define WRIT_BROKER_MEDIATION_TRACING_DECIDER_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "broker/mediation/decider.h"

namespace writ {

class TracingDecider final : public Decider {
 public:
  // Called for kAllowed and kLater. False: what would be allowed is denied.
  using Observer = std::function<bool(const AccessRequest&, Verdict)>;
  TracingDecider(Decider& decider, Observer observer) : decider_(decider), observer_(std::move(observer)) {}

  [[nodiscard]] AccessVerdict decide(std::uint64_t id, const AccessRequest& request) override {
    AccessVerdict verdict = decider_.decide(id, request);
    const bool is_told = verdict.verdict == Verdict::kAllowed || verdict.verdict == Verdict::kLater;
    if (!is_told || observer_(request, verdict.verdict)) return verdict;
    if (verdict.verdict == Verdict::kLater) decider_.withdraw(id);
    verdict.verdict = Verdict::kDenied;
    verdict.reason = "it could not be recorded";
    return verdict;
  }
  void withdraw(std::uint64_t id) override { decider_.withdraw(id); }
  // Never: what is allowed in passing would not be seen.
  [[nodiscard]] bool allows_plainly(const AccessRequest&) const override { return false; }
  [[nodiscard]] AccessVerdict explain(const AccessRequest& request) override { return decider_.explain(request); }
  [[nodiscard]] bool may_allow(const AccessRequest& request) const override { return decider_.may_allow(request); }

 private:
  Decider& decider_;
  Observer observer_;
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_TRACING_DECIDER_H_
