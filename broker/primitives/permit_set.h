// PermitSet: the permits of one operation that needs several. They begin together or not at all, and are settled with
// the same outcome, so that a capability which counts its uses loses one for an operation that happened and none for
// one that did not.
#ifndef WRIT_BROKER_PRIMITIVES_PERMIT_SET_H_
#define WRIT_BROKER_PRIMITIVES_PERMIT_SET_H_

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/primitives/permit.h"

namespace writ {

class PermitSet {
 public:
  explicit PermitSet(PrimitiveAuthority& authority) : authority_(authority) {}

  // Error: kDenied; what was granted before goes back when the set is dropped.
  [[nodiscard]] Attempt<std::monostate> ask(CapabilityRight right, const TypedResource& resource,
                                            const std::string& argument_hash = {}) {
    Attempt<Permit> permit = authority_.authorize(right, resource, argument_hash);
    if (!permit) return tl::unexpected(std::move(permit.error()));
    permits_.push_back(std::move(*permit));
    return std::monostate();
  }

  // Right before the effect. Error: one of them does not stand any more; then none has been used.
  [[nodiscard]] Attempt<std::monostate> begin() {
    for (Permit& permit : permits_) {
      if (auto begun = permit.begin(); !begun) {
        settle(EffectOutcome::kNotStarted);
        return begun;
      }
    }
    return std::monostate();
  }

  // After it.
  void settle(EffectOutcome outcome) {
    for (Permit& permit : permits_) permit.settle(outcome);
    permits_.clear();
  }

 private:
  PrimitiveAuthority& authority_;
  std::vector<Permit> permits_;
};

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_PERMIT_SET_H_
