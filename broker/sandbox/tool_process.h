// The tool's process between clone and exec: the ordered steps that leave it without any authority but its descriptors.
// It shares init's memory until exec (CLONE_VM | CLONE_VFORK), so it only makes raw system calls on prepared data.
#ifndef WRIT_BROKER_SANDBOX_TOOL_PROCESS_H_
#define WRIT_BROKER_SANDBOX_TOOL_PROCESS_H_

#include <cstdint>

#include "broker/sandbox/child_plan.h"
#include "broker/sandbox/plan_receiver.h"

namespace writ {

// Descriptors are first lifted above every number a grant can ask for, so that no dup2 overwrites one still needed.
inline constexpr int kLiftedDescriptors = 512;
// What the limit of open files has to be for that: grants, program, ruleset and control socket. The soft one is raised
// for the moment; a start beneath a lower hard one fails with EINVAL.
inline constexpr std::uint64_t kOpenFilesForStart = kLiftedDescriptors + kPlanGrantLimit + 3;

// What the tool's process works on and writes its progress to; lives in init.
struct ToolStart {
  const ChildPlan* plan;
  const ReceivedPlan* received;     // the plan's bytes and descriptors
  ReceivedPlan* order;              // where the order is received; init releases its bytes
  int control;                      // init's socket: the order comes on it, a listener is handed over through a copy
  int proc;                         // writable /proc of the sandbox, or -1
  bool locked_view;                 // was it cloned into a second user and mount namespace?
  std::uint64_t saved_signal_mask;  // mask of the program that started Writ
  SetupStep step;                   // the step being done
  long error;                       // 0, or the positive errno of `step`
};

// Entry of the clone; `argument` is a ToolStart. Does not return: it executes the program or leaves with status 125.
int run_tool_process(void* argument);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_TOOL_PROCESS_H_
