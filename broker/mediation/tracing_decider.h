// TracingDecider: passes every decision on, and tells an observer of those that are no denial; a denial is told by the
// list of denials (denial_log.h), with whose call it was.
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
  // Called for kAllowed and kLater.
  using Observer = std::function<void(const AccessRequest&, Verdict)>;
  TracingDecider(Decider& decider, Observer observer) : decider_(decider), observer_(std::move(observer)) {}

  [[nodiscard]] AccessVerdict decide(std::uint64_t id, const AccessRequest& request) override {
    AccessVerdict verdict = decider_.decide(id, request);
    if (verdict.verdict == Verdict::kAllowed || verdict.verdict == Verdict::kLater) observer_(request, verdict.verdict);
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
