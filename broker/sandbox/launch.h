// Launch: a resolved profile and a command → a prepared plan → a running sandbox.
#ifndef WRIT_BROKER_SANDBOX_LAUNCH_H_
#define WRIT_BROKER_SANDBOX_LAUNCH_H_

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/kernel/landlock.h"
#include "broker/kernel/seccomp_notify.h"
#include "broker/policy/bpf_program.h"
#include "broker/policy/profile.h"
#include "broker/sandbox/broker_start.h"
#include "broker/sandbox/identity.h"
#include "broker/sandbox/plan_writer.h"
#include "broker/sandbox/program.h"
#include "broker/sandbox/view.h"

namespace writ {

// Exit statuses of Writ itself, as env(1) and timeout(1) have them.
inline constexpr int kExitTimedOut = 124;
inline constexpr int kExitWritFailed = 125;

struct LaunchError {
  int exit_status = kExitWritFailed;
  Error error;
};

// What runs in a sandbox.
struct ToolRequest {
  std::vector<std::string> argv;
  std::vector<std::string> environment;        // "NAME=value"
  std::vector<GrantedDescriptor> descriptors;  // 0, 1, 2 and what else was granted
};
// Do the profile's rules about commands hold for the launched program itself? Not in a nested run: there they allowed
// it.
enum class ProgramUnderRules : std::uint8_t { kYes, kNo };

struct LaunchRequest {
  const Profile* profile = nullptr;  // borrowed
  ToolIdentity identity;
  std::string working_directory;
  std::string home;
  std::string user_name;
  ToolRequest tool;  // may be left empty for prepare_sandbox(), except for the descriptor that is a terminal
  int terminal_number = -1;
  HostObject workspace;          // the working directory as it was decided on
  int ownership_namespace = -1;  // borrowed: SandboxProcess::user_namespace() where ownership is translated
  UniqueFd devpts;
  std::string policy_notice;   // what the tool is told of its rules, as /run/writ/policy.json; may be empty
  BpfProgram listener_filter;  // empty: no listener
  int landlock_abi = 0;
  LandlockTcp tcp = LandlockTcp::kUnrestricted;        // kDenied: the broker makes every TCP connection for the tool
  LandlockCoverage floor = LandlockCoverage::kWrites;  // the least; more where there is no view, and for `strict`
  ViewAssembly assembly = ViewAssembly::kAutomatic;
  PrivateAreas areas = PrivateAreas::kMade;
  ProgramUnderRules program_under_rules = ProgramUnderRules::kYes;
  // Without a view there are none, whatever is asked for: PreparedLaunch::content says what was decided.
  LateGrants late_grants = LateGrants::kNever;
  // Whether init is in a control group with the limits that want one (wants_control_group()), made by the caller.
  Status control_group =
      fail("this kind of sandbox gets no control group",
           "set no memory, cpus and cpu_weight here, or prefer the layer: isolation: {control_group: prefer}");
  Writing strongest_writing = Writing::kMediated;  // kNative: nobody will serve the calls of mediated trees
};

// How one layer stands; errno 0 and active: in force.
enum class LayerState : std::uint8_t { kActive, kDegraded, kNotWanted };
struct LayerStatus {
  LayerState state = LayerState::kActive;
  std::string reason;  // why it is missing
};
using LayerStatuses = std::array<LayerStatus, kLayerCount>;

// A launch with everything decided and opened; dropping it gives everything back.
struct PreparedLaunch {
  PlanContent content;
  View view;
  Program program;
  UniqueFd landlock_ruleset;
  LandlockCoverage floor = LandlockCoverage::kWrites;  // what the ruleset handles
  LayerStatuses layers;
  std::optional<SeccompListener> listener;  // after start_prepared(), where the plan has a listener filter
};

// Opens what the profile grants, builds the view and fills the plan. Nothing runs yet. A required layer that is known
// to be missing is an error. The descriptors in the result are borrowed ones of the request.
[[nodiscard]] tl::expected<PreparedLaunch, LaunchError> prepare_sandbox(const BrokerStart& broker,
                                                                        LaunchRequest request);

// Finds the program of `tool` in the prepared view: what send_order() has executed.
[[nodiscard]] tl::expected<void, LaunchError> choose_tool(PreparedLaunch& prepared, ToolRequest tool);

// Both.
[[nodiscard]] tl::expected<PreparedLaunch, LaunchError> prepare_launch(const BrokerStart& broker,
                                                                       LaunchRequest request);

// Sends the plan to `sandbox`, whose identity must be mapped by now (SandboxProcess::map_identity). Init assembles the
// sandbox, and the tool's process, locked in and without capabilities, waits for its order. That may take as long as it
// likes: a broker that launches often keeps sandboxes in this state. No program runs before send_order().
[[nodiscard]] tl::expected<void, LaunchError> begin_start(SandboxProcess& sandbox, const PreparedLaunch& prepared);

// Sends the order: the chosen tool with `prepared.content.filter`, which the caller may make after begin_start(). The
// program may run from here on.
[[nodiscard]] tl::expected<void, LaunchError> send_order(SandboxProcess& sandbox, const PreparedLaunch& prepared);

// Waits until the program is executed. On success the result is the tool's pidfd, `prepared.layers` also holds what
// init found out, and `prepared.listener` the listener where the plan has a listener filter.
[[nodiscard]] tl::expected<UniqueFd, LaunchError> await_start(SandboxProcess& sandbox, PreparedLaunch& prepared);

// What init reports about a launch that failed (kFailed), as the error of the launch of `program`.
[[nodiscard]] LaunchError describe_failure(const InitReport& report, const std::string& program);

// Both.
[[nodiscard]] tl::expected<UniqueFd, LaunchError> finish_start(SandboxProcess& sandbox, PreparedLaunch& prepared);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_LAUNCH_H_
