// Detached mounts: trees, private file systems and their attributes, held and handed over as descriptors (new mount
// API, kernel 5.2; mount_setattr(2) 5.12). The caller must hold CAP_SYS_ADMIN in the user namespace that owns its mount
// namespace. Any thread; results are owned by the caller.
#ifndef WRIT_BROKER_KERNEL_MOUNT_TREE_H_
#define WRIT_BROKER_KERNEL_MOUNT_TREE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

// Clones the mounts at and below `path` (relative to the borrowed `directory`, or with an empty `path` the directory
// itself) into a detached tree: open_tree(2) with OPEN_TREE_CLONE, always recursive because a non-recursive clone is
// EINVAL where a locked child mount lies beneath. The last component is not followed when it is a symbolic link.
[[nodiscard]] Result<UniqueFd> clone_mount_tree(int directory, const std::string& path);

// Sets `attributes` (abi::kMount…) on the whole detached tree and makes it private, so that mounts the host adds later
// do not appear in it without those attributes: mount_setattr(2), AT_RECURSIVE.
[[nodiscard]] Status restrict_mount_tree(int tree, std::uint64_t attributes);

// The same for the top mount alone.
[[nodiscard]] Status restrict_mount(int mount, std::uint64_t attributes);

// clone_mount_tree and restrict_mount_tree in one call where the kernel has it (open_tree_attr(2), 6.15).
[[nodiscard]] Result<UniqueFd> clone_restricted_tree(int directory, const std::string& path, std::uint64_t attributes);

// Tells the kernel not to think about access times in the detached tree (MOUNT_ATTR_NOATIME). In a read-only mount they
// never change anyway, yet without the flag each read(2) looks whether they should: 30 ns. For speed alone, so a
// refusal is no error: EPERM is usual where the mounts came from another user's namespace, which locks this
// (mount_namespaces(7)).
void try_to_skip_access_times(int tree);

// Translates ownership in the detached tree through the user namespace `user_namespace` (MOUNT_ATTR_IDMAP, 5.12; needs
// CAP_SYS_ADMIN over the file system, so root).
[[nodiscard]] Status idmap_mount_tree(int tree, int user_namespace);

using MountOptions = std::vector<std::pair<std::string, std::string>>;

// Makes a new file system of `type` ("tmpfs", "devpts", "proc") as a detached mount: fsopen(2), fsconfig(2),
// fsmount(2). An option with an empty value is set as a flag. The kernel's own message for a refused option goes into
// the error.
[[nodiscard]] Result<UniqueFd> make_detached_mount(const std::string& type, const MountOptions& options,
                                                   std::uint64_t attributes);

// Attaches the detached tree `mount` onto the place that the borrowed O_PATH descriptor `target` refers to:
// move_mount(2). EINVAL when `target` lies in a tree that is itself detached and the kernel is older than 6.15.
[[nodiscard]] Status attach_mount(int mount, int target);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_MOUNT_TREE_H_
