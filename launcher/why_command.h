// `writ why`: what a profile decides about one access, by which rule, how that is enforced, and what would change it.
#ifndef WRIT_LAUNCHER_WHY_COMMAND_H_
#define WRIT_LAUNCHER_WHY_COMMAND_H_

#include <string>
#include <vector>

#include "launcher/ceiling_file.h"
#include "launcher/command_spec.h"
#include "launcher/run_options.h"
#include "launcher/standard_output.h"

namespace writ {

inline constexpr int kExitAllowed = 0;
inline constexpr int kExitDenied = 1;
inline constexpr int kExitAsked = 3;

struct WhyOptions {
  RunOptions run;                    // the profile, and what the options add to it
  std::string action;                // a right, or "exec"
  std::vector<std::string> targets;  // paths, addresses; for exec: the words of one command
  OutputFormat format = OutputFormat::kText;
};

// Reads the words behind `writ why`. Errors are printed.
[[nodiscard]] Parsed<WhyOptions> parse_why_options(const TypedWords& typed);

// Decides as `writ run` would, runs nothing. Returns kExitAllowed, kExitDenied or kExitAsked (of several targets the
// strongest), kExitWritFailed when there is no answer.
[[nodiscard]] int run_why_command(const WhyOptions& options, const CeilingFile& ceiling);

}  // namespace writ

#endif  // WRIT_LAUNCHER_WHY_COMMAND_H_
