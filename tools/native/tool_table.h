// The native tools by their names.
#ifndef WRIT_TOOLS_NATIVE_TOOL_TABLE_H_
#define WRIT_TOOLS_NATIVE_TOOL_TABLE_H_

#include <string_view>
#include <vector>

#include "tools/native/tool_failure.h"

namespace writ::tools {

// Runs the tool `name`. Errors: kUnknownName where there is none; otherwise the tool's.
[[nodiscard]] ToolResult<JsonValue> run_tool(std::string_view name, BrokerDoor& door, const JsonValue& arguments);

// The names of all tools.
[[nodiscard]] std::vector<std::string_view> tool_names();

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_TOOL_TABLE_H_
