// edit: changes parts of a text file, by exact replacements or by a unified diff.
#ifndef WRIT_TOOLS_NATIVE_EDIT_TOOL_H_
#define WRIT_TOOLS_NATIVE_EDIT_TOOL_H_

#include "tools/native/tool_failure.h"

namespace writ::tools {

// {path, edits: [{old, new, all?}]} → {replacements, size, content_sha256}
// {path, patch} → {hunks, size, content_sha256}
//
// All or nothing. What is written replaces exactly what was read: where the file changed in between, the call fails
// with kConflict and the file stays as it is. Errors: those of text_edits.h, unified_patch.h and file_tools.h;
// kTooLarge above 1 MiB.
[[nodiscard]] ToolResult<JsonValue> edit(BrokerDoor& door, const JsonValue& arguments);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_EDIT_TOOL_H_
