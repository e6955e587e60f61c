// Init: pid 1 of one sandbox. Makes the namespaces while the broker still reads its policy, receives the plan,
// assembles and locks the view, starts the tool, forwards signals, reaps, and dies with the broker.
//
// Runs in a child of a single-threaded process; raw system calls on plain data only.
#ifndef WRIT_BROKER_SANDBOX_INIT_PROCESS_H_
#define WRIT_BROKER_SANDBOX_INIT_PROCESS_H_

#include <cstdint>

#include "broker/kernel/namespace_ids.h"
#include "broker/kernel/user_namespace.h"

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

struct InitOptions {
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

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_INIT_PROCESS_H_
