// Init: pid 1 of one sandbox. Makes the namespaces while the broker still reads its policy, receives the plan,
// assembles and locks the view, starts the tool, forwards signals, reaps, and dies with the broker.
//
// Runs in a child of a single-threaded process; raw system calls on plain data only.
#ifndef WRIT_BROKER_SANDBOX_INIT_PROCESS_H_
#define WRIT_BROKER_SANDBOX_INIT_PROCESS_H_

#include <cstdint>

#include "broker/kernel/namespace_ids.h"
#include "broker/kernel/user_namespace.h"
#include "broker/sandbox/plan_receiver.h"

namespace writ {

enum class NetworkStart : std::uint8_t { kOwn, kInherited };
enum class UserNamespaceStart : std::uint8_t {
  kSelfMapped,    // init maps `identity` itself (unprivileged broker)
  kBrokerMapped,  // the broker writes the maps before it sends the plan (root)
  kAbsent,        // user namespaces are not available
};

enum class InitParent : std::uint8_t {
  kCaller,
  kParentOfCaller,  // CLONE_PARENT: a spawner makes children of the broker
};

enum class InitRole : std::uint8_t {
  kSandbox,
  kTemplate,  // makes the inits of many sandboxes (template_process.h); in no pid namespace of its own
};

struct InitOptions {
  InitRole role = InitRole::kSandbox;
  InitParent parent = InitParent::kCaller;
  NetworkStart network = NetworkStart::kOwn;
  UserNamespaceStart user_namespace = UserNamespaceStart::kSelfMapped;
  int user_namespace_error = 0;  // positive errno: why it is absent
  int pid_namespace_error = 0;   // positive errno: why init is not pid 1 of its own namespace
  IdentityMap identity{};        // kSelfMapped
  // kBrokerMapped: whether init can drop the broker's groups, which it must where it can.
  SupplementaryGroups groups = SupplementaryGroups::kCanBeDropped;
};

// Does the work described above on the borrowed SOCK_SEQPACKET socket `control`; never returns.
[[noreturn]] void run_init_process(int control, const InitOptions& options);

// Parts of init for the process that makes many sandboxes from one template, and for the inits that it forks. They work
// on the same object in static storage, so that an init has from its birth what its template received.
namespace init_parts {

// Blocks signals, ties the process to the broker's life, leaves the terminal's session, maps the identity.
void begin(int control, const InitOptions& options);

// Waits for the plan and takes the identity that it names. Leaves when the broker is gone.
const ReceivedPlan& receive_plan(std::uint32_t magic, std::size_t head_size, const InitOptions& options);

// Reports that `step` failed, and ends, when `result` is a negative errno.
void require(SetupStep step, long result);

// Reports that everything is done so far (kStarted).
void report_started();

// In a forked init that has its namespaces. From here on require() speaks for the sandbox.
void begin_made_sandbox(int control);

// Once it has what is its own in the view: attaches `proc`, starts the tool when its order comes, and serves. `ruleset`
// is where the plan's Landlock ruleset is, if there is one. The tool gets a second user namespace, but no second
// mount namespace: that of the sandbox belongs to a user namespace in which nobody but init ever had a capability, and
// init gives its own up before the tool runs.
[[noreturn]] void run_made_sandbox(int proc, int ruleset);

}  // namespace init_parts

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_INIT_PROCESS_H_
