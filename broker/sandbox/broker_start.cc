#include "broker/sandbox/broker_start.h"

#include <unistd.h>

#include <cerrno>

#include "broker/kernel/capabilities.h"
#include "broker/kernel/mount_namespace.h"
#include "broker/kernel/user_namespace.h"

namespace writ {

Result<SandboxProcess> start_init(const BrokerStart& broker, NetworkStart network, InitParent parent) {
  InitOptions options;
  options.parent = parent;
  options.network = network;
  options.identity = {broker.uid, broker.uid, broker.gid, broker.gid};
  // Root does not know yet whom the tool will be: that is the owner of the workspace.
  if (broker.uid == 0) options.user_namespace = UserNamespaceStart::kBrokerMapped;
  return SandboxProcess::start(options);
}

BrokerStart start_broker(NetworkStart network) {
  BrokerStart broker;
  broker.uid = ::geteuid();
  broker.gid = ::getegid();
  if (broker.uid != 0) broker.mount_authority = enter_own_user_namespace();
  // Init is made before our own mount namespace, so that the two copies of the host's mounts are made side by side.
  broker.init.emplace(start_init(broker, network));
  if (broker.uid != 0 && broker.mount_authority) {
    const long entered = enter_mount_namespace();
    if (entered < 0)
      broker.mount_authority = fail_errno(static_cast<int>(-entered), "cannot make the broker's mount namespace");
    if (const long kept = keep_only_mount_authority(); kept < 0)
      broker.mount_authority = fail_errno(static_cast<int>(-kept), "cannot reduce the broker's capabilities");
  }
  return broker;
}

Status own_mount_namespace(const BrokerStart& broker) {
  if (broker.uid != 0) return broker.mount_authority;
  if (const long entered = enter_mount_namespace(); entered < 0)
    return fail_errno(static_cast<int>(-entered), "cannot make the broker's mount namespace");
  if (const long cut = make_all_mounts_private(); cut < 0)
    return fail_errno(static_cast<int>(-cut), "cannot separate the broker's mounts from the host's");
  return {};
}

}  // namespace writ
