// Tools that are one request and nothing else: the arguments go to the broker as they came, the value comes back as it
// is. The table is the only place where such a tool is named.
#ifndef WRIT_TOOLS_NATIVE_TOOL_WRAPPERS_H_
#define WRIT_TOOLS_NATIVE_TOOL_WRAPPERS_H_

#include <span>
#include <string_view>

#include "tools/native/tool_failure.h"

namespace writ::tools {

struct ToolWrapper {
  std::string_view tool;
  std::string_view request;
  std::string_view action;  // "cannot <action>: …"
};

[[nodiscard]] std::span<const ToolWrapper> tool_wrappers();

// Error: the code of the request that was refused. Descriptors that come with the answer are closed.
[[nodiscard]] ToolResult<JsonValue> run_wrapper(const ToolWrapper& wrapper, BrokerDoor& door,
                                                const JsonValue& arguments);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_TOOL_WRAPPERS_H_
