// Constraints of a capability as JSON, of a closed schema (docs/capabilities.md). Pure; any thread.
#ifndef WRIT_BROKER_CAPABILITY_CONSTRAINT_JSON_H_
#define WRIT_BROKER_CAPABILITY_CONSTRAINT_JSON_H_

#include <cstdint>

#include "broker/base/json_text.h"
#include "broker/capability/capability_record.h"

namespace writ {

// What becomes of a constraint that this Writ does not know.
enum class UnknownConstraints : std::uint8_t {
  kRefuse,  // the capability is being made
  kNote,    // it is stored: CapabilityConstraints::has_unknown
};

[[nodiscard]] JsonObject constraints_json(const CapabilityConstraints& constraints);

// Errors: where, and what is wrong. `place` is the name of the member that `value` is.
[[nodiscard]] Result<CapabilityConstraints> read_constraints(const JsonValue& value, const std::string& place,
                                                             UnknownConstraints unknown);

}  // namespace writ

#endif  // WRIT_BROKER_CAPABILITY_CONSTRAINT_JSON_H_
