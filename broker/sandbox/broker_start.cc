#include "broker/sandbox/broker_start.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "broker/kernel/capabilities.h"
#include "broker/kernel/mount_namespace.h"
#include "broker/kernel/user_namespace.h"

namespace writ {
namespace {

constexpr int kExitWithoutSupervisor = 125;

// The host's root rules the mounts it sees. Everybody else, root of a container included, rules only those of a
// namespace that it made.
bool has_own_mounts(const BrokerStart& broker) {
  return broker.uid != 0 || broker.ids.level == UserNamespaceLevel::kContained;
}

}  // namespace

Result<SandboxProcess> start_init(const BrokerStart& broker, NetworkStart network, InitParent parent, InitRole role) {
  InitOptions options;
  options.role = role;
  options.parent = parent;
  options.network = network;
  options.identity = {broker.uid, broker.uid, broker.gid, broker.gid};
  // Root does not know yet whom the tool will be: that is the owner of the workspace.
  if (broker.uid == 0) options.user_namespace = UserNamespaceStart::kBrokerMapped;
  options.groups = broker.ids.groups;
  return SandboxProcess::start(options);
}

namespace {

pid_t take_supervisor() {
  const char* value = std::getenv(kSupervisorVariable);
  const pid_t supervisor = value == nullptr ? 0 : static_cast<pid_t>(std::strtol(value, nullptr, 10));
  (void)::unsetenv(kSupervisorVariable);
  return supervisor;
}

// Becoming the owner of a user namespace takes the death signal away (prctl(2)), so this comes after it. Whoever died
// before is not our parent any more.
void end_with(pid_t supervisor) {
  if (supervisor <= 0) return;
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != supervisor) ::_exit(kExitWithoutSupervisor);
}

BrokerStart make_broker(NetworkStart network) {
  BrokerStart broker;
  broker.uid = ::geteuid();
  broker.gid = ::getegid();
  if (broker.uid == 0) broker.ids = read_namespace_ids();
  if (broker.uid != 0) broker.mount_authority = enter_own_user_namespace();
  // Init is made before our own mount namespace, so that the two copies of the host's mounts are made side by side.
  broker.init.emplace(start_init(broker, network));
  if (has_own_mounts(broker) && broker.mount_authority) {
    const long entered = enter_mount_namespace();
    if (entered < 0)
      broker.mount_authority = fail_errno(static_cast<int>(-entered), "cannot make the broker's mount namespace");
    // Root of a container still has to map the tool's identity and to hand over directories.
    if (broker.uid == 0) return broker;
    if (const long kept = keep_only_mount_authority(); kept < 0)
      broker.mount_authority = fail_errno(static_cast<int>(-kept), "cannot reduce the broker's capabilities");
  }
  return broker;
}

}  // namespace

BrokerStart start_broker(NetworkStart network) {
  const pid_t supervisor = take_supervisor();
  BrokerStart broker = make_broker(network);
  end_with(supervisor);
  return broker;
}

Status own_mount_namespace(const BrokerStart& broker) {
  if (has_own_mounts(broker)) return broker.mount_authority;
  if (const long entered = enter_mount_namespace(); entered < 0)
    return fail_errno(static_cast<int>(-entered), "cannot make the broker's mount namespace");
  if (const long cut = make_all_mounts_private(); cut < 0)
    return fail_errno(static_cast<int>(-cut), "cannot separate the broker's mounts from the host's");
  return {};
}

}  // namespace writ
