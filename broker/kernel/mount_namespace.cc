#include "broker/kernel/mount_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {

long enter_mount_namespace() { return raw_syscall(SYS_unshare, CLONE_NEWNS); }

long make_all_mounts_private() { return raw_syscall(SYS_mount, nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr); }

long make_all_mounts_shared() { return raw_syscall(SYS_mount, nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr); }

long make_detached_proc() {
  const long context = raw_syscall(SYS_fsopen, "proc", abi::kFsopenCloexec);
  if (context < 0) return context;
  long result = raw_syscall(SYS_fsconfig, context, abi::kFsconfigCreate, nullptr, nullptr, 0);
  if (result >= 0)
    result = raw_syscall(SYS_fsmount, context, abi::kFsmountCloexec,
                         abi::kMountNoSuid | abi::kMountNoDevices | abi::kMountNoExecute);
  raw_syscall(SYS_close, context);
  return result;
}

long pivot_into_view(int view) {
  // Mounted over "/" the tree is reachable through its descriptor only, which is all that pivot_root needs.
  long result = raw_syscall(SYS_move_mount, view, "", AT_FDCWD, "/", abi::kMoveMountFromEmptyPath);
  if (result < 0) return result;
  result = raw_syscall(SYS_fchdir, view);
  if (result < 0) return result;
  result = raw_syscall(SYS_pivot_root, ".", ".");
  if (result < 0) return result;
  // The old root now lies on top of the new one at "."; detaching it removes the host from this namespace.
  result = raw_syscall(SYS_umount2, ".", MNT_DETACH);
  if (result < 0) return result;
  return raw_syscall(SYS_chdir, "/");
}

long cover_root_with_view(int view) {
  long result = raw_syscall(SYS_move_mount, view, "", AT_FDCWD, "/", abi::kMoveMountFromEmptyPath);
  if (result < 0) return result;
  result = raw_syscall(SYS_fchdir, view);
  if (result < 0) return result;
  // On the topmost mount of the namespace's root: for the kernel this is no chroot environment (current_chrooted in
  // fs/namespace.c), so the second user namespace can be made.
  result = raw_syscall(SYS_chroot, ".");
  if (result < 0) return result;
  return raw_syscall(SYS_chdir, "/");
}

}  // namespace writ
