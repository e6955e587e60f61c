// PolicyDecider: the profile decides. What a rule wants asked is kAsk: asking_decider.h goes on from there.
#ifndef WRIT_BROKER_MEDIATION_POLICY_DECIDER_H_
#define WRIT_BROKER_MEDIATION_POLICY_DECIDER_H_

#include <string>
#include <utility>
#include <vector>

#include "broker/mediation/decider.h"

namespace writ {

class PolicyDecider : public Decider {
 public:
  // `policy`: every rule as it was written. `enforced`: what the view was made from, which may be stricter; what both
  // allow is allowed. `sources`: Profile::sources, to say where a rule was written.
  PolicyDecider(const AccessPolicy& policy, const AccessPolicy& enforced, std::vector<std::string> sources)
      : policy_(policy), enforced_(enforced), sources_(std::move(sources)) {}

  [[nodiscard]] AccessVerdict decide(std::uint64_t id, const AccessRequest& request) override;
  [[nodiscard]] AccessVerdict explain(const AccessRequest& request) override { return decide(0, request); }
  [[nodiscard]] bool may_allow(const AccessRequest& request) const override;
  [[nodiscard]] bool allows_plainly(const AccessRequest& request) const override;

 private:
  const AccessPolicy& policy_;
  const AccessPolicy& enforced_;
  std::vector<std::string> sources_;
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_POLICY_DECIDER_H_
