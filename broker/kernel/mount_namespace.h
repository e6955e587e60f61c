// Mount namespaces (mount_namespaces(7)): making one, and turning a mount tree into its root.
#ifndef WRIT_BROKER_KERNEL_MOUNT_NAMESPACE_H_
#define WRIT_BROKER_KERNEL_MOUNT_NAMESPACE_H_

namespace writ {

// Gives the calling process a mount namespace of its own, a copy of the current one. Raw; returns 0 or -errno.
[[nodiscard]] long enter_mount_namespace();

// Cuts the propagation of every mount of the current namespace from and to other namespaces. Raw; 0 or -errno.
[[nodiscard]] long make_all_mounts_private();

// Makes every mount of the current namespace shared: what is attached to it from now on appears in the namespaces that
// are copied from this one, in those of another user namespace as a slave that gives nothing back
// (mount_namespaces(7)). Raw; 0 or -errno.
[[nodiscard]] long make_all_mounts_shared();

// Makes a fresh procfs for the current pid namespace as a detached, writable mount. Must run while another fully
// visible procfs is still mounted (mount_too_revealing in the kernel's fs/namespace.c). Raw; descriptor or -errno.
[[nodiscard]] long make_detached_proc();

// Attaches the detached tree `view` to the current mount namespace, makes it the root of the calling process and
// detaches everything else (pivot_root(2), the "." "." form). The working directory is the new root afterwards.
// Raw; returns 0 or -errno.
[[nodiscard]] long pivot_into_view(int view);

// Attaches the detached tree `view` over the current root and makes it the root and the working directory of the
// calling process. What was the root stays beneath it, so that must be a file system with nothing in it: the caller
// has left everything else with pivot_into_view() before. Unlike pivoting it looks at no other process and unmounts
// nothing, and so it waits for no grace period of the kernel. Raw; returns 0 or -errno.
[[nodiscard]] long cover_root_with_view(int view);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_MOUNT_NAMESPACE_H_
