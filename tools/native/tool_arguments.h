// Readers of arguments that StrictObject (broker/base) does not have: numbers with bounds, paths, one text or several.
// Pure; any thread.
#ifndef WRIT_TOOLS_NATIVE_TOOL_ARGUMENTS_H_
#define WRIT_TOOLS_NATIVE_TOOL_ARGUMENTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/strict_object.h"
#include "tools/native/tool_failure.h"

namespace writ::tools {

struct NumberRange {
  std::int64_t otherwise;  // the value where the argument is absent
  std::int64_t least;
  std::int64_t most;
};

// Error: the argument is no whole number within the range.
[[nodiscard]] ToolResult<std::int64_t> number_argument(StrictObject& arguments, std::string_view key,
                                                       NumberRange range);
// An absent flag is `otherwise`. Error: it is neither true nor false.
[[nodiscard]] ToolResult<bool> flag_argument(StrictObject& arguments, std::string_view key, bool otherwise);
// Error: the path is absent or empty. What paths are allowed is the broker's business.
[[nodiscard]] ToolResult<std::string> path_argument(StrictObject& arguments, std::string_view key);
// One text, or a list of texts; absent: an empty list. Error: anything else.
[[nodiscard]] ToolResult<std::vector<std::string>> texts_argument(StrictObject& arguments, std::string_view key);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_TOOL_ARGUMENTS_H_
