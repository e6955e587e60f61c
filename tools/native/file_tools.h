// The tools that read, write and remove whole files. Each function is one tool: it takes the arguments of the call and
// returns its result. `arguments` is a JSON object that was held against the manifest of the tool by the broker; what a
// tool relies on it checks again.
#ifndef WRIT_TOOLS_NATIVE_FILE_TOOLS_H_
#define WRIT_TOOLS_NATIVE_FILE_TOOLS_H_

#include "tools/native/tool_failure.h"

namespace writ::tools {

// Errors of all: kInvalidArguments, or the code of the request that was refused.

// {path, text, overwrite?, expected_content_sha256?, make_parents?} → {size, content_sha256, created}
[[nodiscard]] ToolResult<JsonValue> write_file(BrokerDoor& door, const JsonValue& arguments);
// {path?, limit?} → {entries: [{name, kind, size}], complete}
[[nodiscard]] ToolResult<JsonValue> list_directory(BrokerDoor& door, const JsonValue& arguments);
// {path, recursive?, missing_ok?} → {deleted}. Looks at nothing beforehand: without authority a caller learns nothing.
[[nodiscard]] ToolResult<JsonValue> delete_path(BrokerDoor& door, const JsonValue& arguments);
// {path, name, namespace?} → {oid, name, version, size, content_sha256}. The content does not come back to the caller.
[[nodiscard]] ToolResult<JsonValue> create_object_from_file(BrokerDoor& door, const JsonValue& arguments);
// {name, namespace?, path, overwrite?} → {size, content_sha256, created}. A payload that is no text is written as JSON.
[[nodiscard]] ToolResult<JsonValue> write_object_to_file(BrokerDoor& door, const JsonValue& arguments);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_FILE_TOOLS_H_
