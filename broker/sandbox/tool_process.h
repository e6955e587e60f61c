// The tool's process between clone and exec: the ordered steps that leave it without any authority but its descriptors.
// It shares init's memory until exec (CLONE_VM | CLONE_VFORK), so it only makes raw system calls on prepared data.
#ifndef WRIT_BROKER_SANDBOX_TOOL_PROCESS_H_
#define WRIT_BROKER_SANDBOX_TOOL_PROCESS_H_

#include <cstdint>

#include "broker/sandbox/child_plan.h"

namespace writ {

// What the tool's process works on and writes its progress to; lives in init.
struct ToolStart {
  const ChildPlan* plan;
  char* texts;                      // the plan's bytes, in init's private copy
  const int* received;              // descriptors that came with the plan
  int proc;                         // writable /proc of the sandbox, or -1
  int control;                      // init's socket to the broker: the listener is handed over through a copy of it
  bool locked_view;                 // was it cloned into a second user and mount namespace?
  std::uint64_t saved_signal_mask;  // mask of the program that started Writ
  SetupStep step;                   // the step being done
  long error;                       // 0, or the positive errno of `step`
};

// Entry of the clone; `argument` is a ToolStart. Does not return: it executes the program or leaves with status 125.
int run_tool_process(void* argument);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_TOOL_PROCESS_H_
