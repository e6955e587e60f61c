// The command line of `writ tool …`, after parsing. Plain data.
#ifndef WRIT_LAUNCHER_TOOL_OPTIONS_H_
#define WRIT_LAUNCHER_TOOL_OPTIONS_H_

#include <string>
#include <vector>

#include "launcher/ceiling_file.h"
#include "launcher/run_options.h"
#include "launcher/standard_output.h"

namespace writ {

struct ToolOptions {
  int (*run)(const ToolOptions&, const CeilingFile&) = nullptr;  // the subcommand that was asked for
  RunOptions grants;                                             // profile, workspace, subject, … as for `writ run`
  std::vector<std::string> words;                                // the tool
  std::string arguments;                                         // --args JSON
  std::string arguments_file;                                    // --args-file FILE, "-" is standard input
  std::vector<std::string> visible;                              // --visible NAME: what a model sees
  std::string command_profile;                                   // --command-profile; empty: the session's
  OutputFormat format = OutputFormat::kText;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_TOOL_OPTIONS_H_
