// cgroup namespaces (cgroup_namespaces(7)): the current cgroup becomes the visible root.
#ifndef WRIT_BROKER_KERNEL_CGROUP_NAMESPACE_H_
#define WRIT_BROKER_KERNEL_CGROUP_NAMESPACE_H_

namespace writ {

// Gives the calling process a namespace of its own of this kind. Raw; returns 0 or -errno.
[[nodiscard]] long enter_cgroup_namespace();

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_CGROUP_NAMESPACE_H_
