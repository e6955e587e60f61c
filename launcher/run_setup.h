// RunSetup: options of the command line + profile + person → what will be launched. Reads files, launches nothing.
#ifndef WRIT_LAUNCHER_RUN_SETUP_H_
#define WRIT_LAUNCHER_RUN_SETUP_H_

#include <memory>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/profile.h"
#include "broker/sandbox/identity.h"
#include "broker/sandbox/view.h"
#include "launcher/ceiling_file.h"
#include "launcher/effective_profile.h"
#include "launcher/person.h"
#include "launcher/policy_places.h"
#include "launcher/run_authority.h"
#include "launcher/run_options.h"

namespace writ {

// What is asked for, before it is bounded: the profile with what the command line adds, and everything that limits it.
struct RunPolicy {
  Profile own;
  std::vector<Bound> bounds;
  PolicyPlaces places;
};

struct RunSetup {
  Person person;
  Profile profile;            // what the kernel is asked to hold (EffectiveProfile::enforced)
  Profile policy;             // what is decided from, with every rule as it was written (EffectiveProfile::policy)
  std::vector<Bound> bounds;  // what limited the profile
  std::vector<Attenuation> attenuations;
  std::vector<std::string> warnings;  // rules that are stricter than written
  ToolIdentity identity;
  std::string workspace;
  std::string start_directory;  // in the view
  HostObject workspace_object;
  std::string tool_user_name;
  std::vector<std::string> environment;
  std::string policy_notice;                // policy_notice() of what was decided from
  std::unique_ptr<RunAuthority> authority;  // of the run's subject; null: the run has none
};

// Adds what --env says: a name is passed on, NAME=VALUE is set.
void add_typed_environment(EnvironmentPolicy& environment, const std::vector<std::string>& typed);

// Returns the workspace that `options` mean. Errors: it is "/", or no directory.
[[nodiscard]] Result<std::string> workspace_path(const RunOptions& options, const Person& person);

// Reads the profile and its bounds. Errors: a bad option, a bad profile, manifest or ceiling.
[[nodiscard]] Result<RunPolicy> read_run_policy(const RunOptions& options, const Person& person,
                                                const std::string& workspace, const CeilingFile& ceiling);

// Errors: those of read_run_policy(), a missing workspace, a system call name nobody knows.
[[nodiscard]] Result<RunSetup> set_up_run(const RunOptions& options, Person person, const CeilingFile& ceiling);

// What the nested runs of this one's commands get on their command lines. `view` is this run's.
[[nodiscard]] Result<NestedRunPlan> plan_nested_runs(const RunOptions& options, const RunSetup& setup,
                                                     const View& view);

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_SETUP_H_
