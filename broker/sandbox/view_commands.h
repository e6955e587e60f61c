// Commands in the view: at every name of a ruled program stands Writ's stand-in, so that the program itself is not
// there to be executed. Part of assembling a view, after everything else was put in place.
//
// Single-threaded, with the mount authority of the view's builder. The mounts belong to the view.
#ifndef WRIT_BROKER_SANDBOX_VIEW_COMMANDS_H_
#define WRIT_BROKER_SANDBOX_VIEW_COMMANDS_H_

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/profile.h"
#include "broker/sandbox/view_mounts.h"

namespace writ {

// One object of the host that rules are about.
struct RuledProgram {
  std::vector<std::string> names;   // canonical paths in the view; a stand-in is mounted on each
  std::vector<CommandRule> rules;   // those that are about it; `program` is rewritten to names.front()
  std::vector<std::string> launch;  // for each rule: the path under which the person named the program
  std::vector<std::string> texts;   // for each rule: as it was written
};

struct CommandView {
  std::string search_path;  // PATH of the tool
  std::string exempt;       // path of a program that stays what it is: what a nested run was asked to run; or empty
};

// Finds the programs of `profile.commands` in the assembled view, and mounts the stand-in over each of their names. A
// program that is not in the view is no error. Errors: a program with a name that cannot be found (program_names.h).
[[nodiscard]] Result<std::vector<RuledProgram>> place_commands(ViewMounts& mounts, const Profile& profile,
                                                               const CommandView& view);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_VIEW_COMMANDS_H_
