// What DurableAuthority::apply() does many of at once. Plain values.
#ifndef WRIT_BROKER_AUTHORITY_AUTHORITY_OPERATION_H_
#define WRIT_BROKER_AUTHORITY_AUTHORITY_OPERATION_H_

#include <variant>

#include "broker/capability/capability_table.h"

namespace writ {

struct GrantOperation {
  Actor actor;
  CapabilityDraft draft;
};
struct DelegateOperation {
  Subject actor;
  CapabilityId parent;
  CapabilityDraft draft;
};
struct RevokeOperation {
  Actor actor;
  CapabilityId id;
  std::string reason{};  // for the observer
};
struct ReserveOperation {
  CapabilityRequest request;
};
struct SettleOperation {
  ReservationId id;
  EffectOutcome outcome = EffectOutcome::kUnknown;
};
using AuthorityOperation =
    std::variant<GrantOperation, DelegateOperation, RevokeOperation, ReserveOperation, SettleOperation>;

// What became of one operation: the capability that it made, the answer to a reservation, or just that it is done.
using AuthorityAnswer = std::variant<std::monostate, Capability, ReserveAnswer>;

}  // namespace writ

#endif  // WRIT_BROKER_AUTHORITY_AUTHORITY_OPERATION_H_
