// NestedRun: the command line of the separate `writ run` that an allowed command gets. Pure; any thread.
//
// What a tool chooses appears in two places only: its working directory, as the value of --chdir, and its arguments,
// all of them after "--". Both are texts in an argument vector; no shell and no option parser of ours interprets them.
#ifndef WRIT_BROKER_MEDIATION_NESTED_RUN_H_
#define WRIT_BROKER_MEDIATION_NESTED_RUN_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"

namespace writ {

// Commands in commands in commands: nobody needs more, and a rule that leads to itself must end.
inline constexpr unsigned kNestingLimit = 4;

// What a nested run knows about where it comes from: the value of --nested.
struct Nesting {
  unsigned depth = 0;  // 0: a run that a person started
  // The workspace as the outer run decided on it; a directory that was put in its place since is refused.
  std::uint64_t workspace_device = 0;
  std::uint64_t workspace_inode = 0;
  std::int32_t supervisor = 0;  // process id of the broker, with which the nested run ends

  [[nodiscard]] std::string text() const;  // "DEPTH:DEVICE:INODE:SUPERVISOR"
  [[nodiscard]] static Result<Nesting> parse(std::string_view text);
};

// What all nested runs of one run have in common.
struct NestedRunPlan {
  std::string profile;    // of the outer run: a name, or the absolute path of a file
  std::string workspace;  // absolute
  Nesting nesting;        // of the nested runs
  // Options that are passed on: those that narrow, and those that change messages only.
  std::vector<std::string> inherited;
};

struct NestedCommand {
  std::string profile;            // empty: the outer run's
  std::string working_directory;  // in the caller's view
  std::string program;            // absolute path, chosen by the broker
};

// Returns the whole argument vector: writ run --profile=… --workspace=… --chdir=… --nested=… -- PROGRAM ARGUMENTS.
[[nodiscard]] std::vector<std::string> nested_arguments(const NestedRunPlan& plan, const NestedCommand& command,
                                                        std::span<const std::string> arguments);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_NESTED_RUN_H_
