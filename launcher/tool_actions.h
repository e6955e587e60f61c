// The subcommands of `writ tool`. Each returns the exit status: 0, or 1 the tool refused or failed, 124 its time was
// over, 125 Writ itself failed, 127 there is no such tool.
#ifndef WRIT_LAUNCHER_TOOL_ACTIONS_H_
#define WRIT_LAUNCHER_TOOL_ACTIONS_H_

#include "launcher/tool_options.h"

namespace writ {

inline constexpr int kExitUnknownTool = 127;

[[nodiscard]] int run_tool_list(const ToolOptions& options, const CeilingFile& ceiling);
[[nodiscard]] int run_tool_show(const ToolOptions& options, const CeilingFile& ceiling);
[[nodiscard]] int run_tool_call(const ToolOptions& options, const CeilingFile& ceiling);
// Reads one call from each line of standard input, and answers each with a line, until the end of the input.
[[nodiscard]] int run_tool_serve(const ToolOptions& options, const CeilingFile& ceiling);
// Runs a program of one's own, as `writ run` does, with a broker socket; returns its exit status.
[[nodiscard]] int run_tool_run(const ToolOptions& options, const CeilingFile& ceiling);

}  // namespace writ

#endif  // WRIT_LAUNCHER_TOOL_ACTIONS_H_
