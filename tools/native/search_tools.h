// search and find_files: what is where in the workspace.
#ifndef WRIT_TOOLS_NATIVE_SEARCH_TOOLS_H_
#define WRIT_TOOLS_NATIVE_SEARCH_TOOLS_H_

#include "tools/native/tool_failure.h"

namespace writ::tools {

// {pattern, path?, glob?, kind?, ignore_case?, max_results?, context_lines?, hidden?}
//   → {matches: [{path, line, column, text, before?, after?}], files_searched, files_skipped, truncated}
//
// Line by line. Skipped and counted are files with a NUL byte near their start, files above 8 MiB, and what may not be
// read. Errors: kInvalidArguments where the pattern or a glob is wrong; kLimit where a pattern takes too many steps;
// the code of the request that was refused for `path` itself.
[[nodiscard]] ToolResult<JsonValue> search(BrokerDoor& door, const JsonValue& arguments);

// {glob, path?, limit?, hidden?} → {files: […], skipped, truncated}. Errors: as above.
[[nodiscard]] ToolResult<JsonValue> find_files(BrokerDoor& door, const JsonValue& arguments);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_SEARCH_TOOLS_H_
