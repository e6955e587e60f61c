// BrokerStart: the first thing a launching command does: the broker's own namespaces, and an init that begins to make
// the sandbox's while the command still reads its arguments and policy (design, section 3).
#ifndef WRIT_BROKER_SANDBOX_BROKER_START_H_
#define WRIT_BROKER_SANDBOX_BROKER_START_H_

#include <sys/types.h>

#include <optional>

#include "broker/base/error.h"
#include "broker/sandbox/sandbox_process.h"

namespace writ {

// Who starts Writ as a part of itself (the daemon, for each sandbox that needs a broker of its own) says so by this
// variable of the environment: the number of its process, whose child the new one is and with which it ends. It is
// taken out of the environment when it is read.
inline constexpr const char* kSupervisorVariable = "WRIT_SUPERVISOR";

struct BrokerStart {
  uid_t uid = 0;  // effective ids of the person, before any namespace
  gid_t gid = 0;
  NamespaceIds ids;  // where uid is 0: of which namespace
  // How the broker can make mounts; an error means that there can be no view.
  Status mount_authority;
  std::optional<Result<SandboxProcess>> init;  // always set by start_broker
};

// Call at the very top of main, single-threaded, before anything secret is read. An ordinary user's broker enters a
// user and a mount namespace of its own; root's stays where it is. Then starts init with `network`.
[[nodiscard]] BrokerStart start_broker(NetworkStart network);

// Starts another init for the same broker (when the policy wants other namespaces than were guessed).
[[nodiscard]] Result<SandboxProcess> start_init(const BrokerStart& broker, NetworkStart network,
                                                InitParent parent = InitParent::kCaller,
                                                InitRole role = InitRole::kSandbox);

// Gives root's broker a mount namespace of its own, private; an ordinary user's has one already.
[[nodiscard]] Status own_mount_namespace(const BrokerStart& broker);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_BROKER_START_H_
