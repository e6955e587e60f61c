// `writ tool …`: looks at the tools there are, and calls them.
#ifndef WRIT_LAUNCHER_TOOL_COMMAND_H_
#define WRIT_LAUNCHER_TOOL_COMMAND_H_

#include "launcher/command_spec.h"
#include "launcher/tool_options.h"

namespace writ {

// Reads the words behind `writ tool`. Errors are printed.
[[nodiscard]] Parsed<ToolOptions> parse_tool_options(const TypedWords& typed);

// Returns the exit status. The caller must be single-threaded: `call`, `serve` and `run` start sandboxes.
[[nodiscard]] int run_tool_command(const ToolOptions& options, const CeilingFile& ceiling);

}  // namespace writ

#endif  // WRIT_LAUNCHER_TOOL_COMMAND_H_
