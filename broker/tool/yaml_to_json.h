// YAML → JSON, for the parts of a manifest that are JSON: schemas. Pure; any thread.
#ifndef WRIT_BROKER_TOOL_YAML_TO_JSON_H_
#define WRIT_BROKER_TOOL_YAML_TO_JSON_H_

#include "broker/base/error.h"
#include "broker/base/json_text.h"
#include "broker/policy/schema_value.h"

namespace writ {

// Scalars by the core schema of YAML 1.2, but only in the spelling that JSON has too: true, false, null (or nothing, or
// `~`) and numbers. What readers of YAML differ about (yes, True, 010, 0x10, 1_000, .inf, 2020-01-01) is refused with
// file:line:column: in quotes it is a text for all of them.
[[nodiscard]] Result<JsonValue> json_from_yaml(const SchemaValue& value);

}  // namespace writ

#endif  // WRIT_BROKER_TOOL_YAML_TO_JSON_H_
