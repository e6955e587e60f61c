// The manifests of the tools that Writ brings along; embedded, so that nobody's files decide about a tool's bounds.
#ifndef WRIT_LAUNCHER_TOOL_MANIFESTS_H_
#define WRIT_LAUNCHER_TOOL_MANIFESTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/tool/tool_table.h"

namespace writ {

// All of them; `visible`: what a model sees of them, everything where it is empty. Errors: a name in `visible` that no
// tool has.
[[nodiscard]] Result<ToolTable> shipped_tools(const std::vector<std::string>& visible);

// That one alone: reading a manifest takes longer than a call. Nothing is in the table where there is no such tool.
[[nodiscard]] Result<ToolTable> shipped_tool(std::string_view name);

// Whether a tool that Writ brings along has the name.
[[nodiscard]] bool is_shipped_tool(std::string_view name);

// The program that all of them are: beside the running one, or where an installation has it. Error: it is in neither.
[[nodiscard]] Result<std::string> find_tool_program();

}  // namespace writ

#endif  // WRIT_LAUNCHER_TOOL_MANIFESTS_H_
