// Escaping of JSON text for a terminal. Pure; any thread.
#ifndef WRIT_BROKER_BASE_JSON_ESCAPE_H_
#define WRIT_BROKER_BASE_JSON_ESCAPE_H_

#include <string>
#include <string_view>

namespace writ {

// Returns the JSON text `json` (valid UTF-8, as JsonValue::to_text() gives it) with what escape_bytes() would not let
// through, control and format characters, written as \uNNNN. To a reader of JSON it is the same. C0 is left alone: JSON
// text has none raw but line feeds between its values.
[[nodiscard]] std::string escape_json_text(std::string_view json);

}  // namespace writ

#endif  // WRIT_BROKER_BASE_JSON_ESCAPE_H_
