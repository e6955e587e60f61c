// Template process: makes the inits of many sandboxes that have one view. It sits in that view, in a user namespace of
// its own that is mapped to the tool's identity, and each sandbox costs it one clone: the new mount namespace is a copy
// of its own. What no two sandboxes may have in common the new init makes for itself (template_areas.h): /tmp, the
// home, /dev/shm, /proc, IPC, host name, processes.
//
// Network namespaces are used again. The broker sends one back after every process of its sandbox is dead, and the next
// sandbox gets it only if it is as it was when it was new (network_state.h); otherwise a new one is made. Neither tool
// nor init has a capability over it while the tool runs.
//
// Runs in a child of a single-threaded process; raw system calls on plain data only.
#ifndef WRIT_BROKER_SANDBOX_TEMPLATE_PROCESS_H_
#define WRIT_BROKER_SANDBOX_TEMPLATE_PROCESS_H_

#include "broker/sandbox/init_process.h"

namespace writ {

// Serves the borrowed SOCK_SEQPACKET socket `control`: first the plan (kPlan, TemplatePlan), answered as an init would
// (kStarted or kFailed), then TemplateRequests. Ends with the broker. Never returns.
[[noreturn]] void run_template_process(int control, const InitOptions& options);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_TEMPLATE_PROCESS_H_
