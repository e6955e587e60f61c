// A capability as JSON: how it is stored, and what `writ caps --json` prints. Pure; any thread.
#ifndef WRIT_BROKER_CAPABILITY_CAPABILITY_JSON_H_
#define WRIT_BROKER_CAPABILITY_CAPABILITY_JSON_H_

#include <string>
#include <string_view>

#include "broker/base/json_text.h"
#include "broker/capability/capability_record.h"
#include "broker/capability/constraint_json.h"

namespace writ {

[[nodiscard]] JsonObject capability_json(const Capability& capability);

// Reads what capability_json() made. Strict: unknown members, booleans for numbers, NaN, a key that stands twice and
// words of no closed list are errors that say where. Constraints as `unknown` says.
[[nodiscard]] Result<Capability> parse_capability(std::string_view text, UnknownConstraints unknown);

}  // namespace writ

#endif  // WRIT_BROKER_CAPABILITY_CAPABILITY_JSON_H_
