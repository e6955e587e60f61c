#include <cerrno>

#include "broker/kernel/feature_probe.h"

namespace writ {
namespace {

constexpr const char* kContainerHint =
    "the container forbids it: start it with --security-opt seccomp=unconfined --security-opt systempaths=unconfined "
    "(docker, podman), or with a seccomp profile that allows unshare, mount, clone3, open_tree, move_mount, fsopen";
constexpr const char* kFilterHint =
    "a system call filter was already in force when Writ started (container, service manager or another sandbox): "
    "allow the call there";
constexpr const char* kNewerKernelHint = "this kernel does not have it: use a newer one";

bool is_refusal(int system_errno) { return system_errno == EPERM || system_errno == EACCES; }

// What stands in the way of user namespaces, the most specific reason first.
std::string user_namespace_hint(int system_errno, const HostFacts& host) {
  if (host.unprivileged_userns_clone == 0) return "sudo sysctl -w kernel.unprivileged_userns_clone=1";
  if (host.max_user_namespaces == 0 || system_errno == ENOSPC)
    return "sudo sysctl -w user.max_user_namespaces=15000 (the limit is " +
           std::to_string(host.max_user_namespaces.value_or(0)) + ")";
  if (host.apparmor_restricts_userns == 1 && is_refusal(system_errno))
    return "AppArmor withholds it: install an AppArmor profile for writ that has `userns,`, or sudo sysctl -w "
           "kernel.apparmor_restrict_unprivileged_userns=0";
  if (host.in_container) return kContainerHint;
  if (host.under_seccomp) return kFilterHint;
  if (system_errno == EINVAL || system_errno == ENOSYS) return "the kernel was built without CONFIG_USER_NS";
  return "a process in a chroot, or one that a security module confines, cannot make user namespaces";
}

std::string landlock_hint(int system_errno, const HostFacts& host) {
  if (system_errno == EOPNOTSUPP) return "Landlock is built in but off: add landlock to the lsm= boot parameter";
  if (host.under_seccomp || host.in_container) return host.in_container ? kContainerHint : kFilterHint;
  return "needs kernel 5.13 or newer with CONFIG_SECURITY_LANDLOCK";
}

std::string proc_hint(const HostFacts& host) {
  if (host.in_container)
    return "the container hides parts of /proc: start it with --security-opt systempaths=unconfined (docker), or "
           "--security-opt unmask=ALL (podman)";
  return "parts of this /proc are covered by other mounts; the kernel then refuses a second one";
}

bool needs_user_namespace(Feature feature) {
  return feature <= Feature::kCgroupNamespace || feature == Feature::kProcMount;
}

}  // namespace

std::string probe_hint(Feature feature, int system_errno, const HostFacts& host) {
  if (feature == Feature::kIdmappedMounts)
    return system_errno == 0 ? "nothing to do as an ordinary user"
                             : "the file system of the current directory cannot do it: use another, or give the "
                               "workspace an owner other than root";
  if (feature == Feature::kLandlock) return landlock_hint(system_errno, host);
  if (feature == Feature::kProcMount && system_errno == EPERM && host.in_container) return proc_hint(host);
  if (needs_user_namespace(feature)) return user_namespace_hint(system_errno, host);
  if (host.in_container) return kContainerHint;
  if (host.under_seccomp) return kFilterHint;
  return kNewerKernelHint;
}

}  // namespace writ
