// RunSetup: options of the command line + profile + person → what will be launched. Reads files, launches nothing.
#ifndef WRIT_LAUNCHER_RUN_SETUP_H_
#define WRIT_LAUNCHER_RUN_SETUP_H_

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/bpf_program.h"
#include "broker/policy/profile.h"
#include "broker/sandbox/identity.h"
#include "broker/sandbox/view.h"
#include "launcher/person.h"
#include "launcher/run_options.h"

namespace writ {

struct RunSetup {
  Person person;
  Profile profile;
  ToolIdentity identity;
  std::string workspace;
  std::string start_directory;  // in the view
  HostObject workspace_object;
  std::string tool_user_name;
  std::vector<std::string> environment;
  BpfProgram filter;
};

// Errors: a bad option, a bad profile, a missing workspace, a system call name nobody knows.
[[nodiscard]] Result<RunSetup> set_up_run(const RunOptions& options, Person person);

// What the nested runs of this one's commands get on their command lines. `view` is this run's.
[[nodiscard]] Result<NestedRunPlan> plan_nested_runs(const RunOptions& options, const RunSetup& setup,
                                                     const View& view);

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_SETUP_H_
