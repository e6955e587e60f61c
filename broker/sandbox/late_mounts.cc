#include "broker/sandbox/late_mounts.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/mount_namespace.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

// Above everything that settle() and the control socket take.
constexpr int kLiftedDescriptors = 16;

long lift(int fd) { return raw_syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, kLiftedDescriptors); }

long open_lifted(const char* path, int flags) {
  const long opened = raw_syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0);
  if (opened < 0) return opened;
  const long lifted = lift(static_cast<int>(opened));
  raw_syscall(SYS_close, opened);
  return lifted;
}

// Without O_NOFOLLOW, with which a link as the last component would be opened itself (openat2(2)).
long open_beneath(int root, const char* relative) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return raw_syscall(SYS_openat2, root, relative, &how, sizeof how);
}

const char* relative(const TreeRequest& request) { return request.path.data() + 1; }

// The number of the mount that the borrowed `object` is the root of; -ENOENT when it is none.
long mount_number(int object, std::uint64_t& number) {
  struct statx status {};
  const long result = raw_syscall(SYS_statx, object, "", AT_EMPTY_PATH, STATX_MNT_ID, &status);
  if (result < 0) return result;
  if ((status.stx_mask & STATX_MNT_ID) == 0) return -EOPNOTSUPP;  // before 5.8
  if ((status.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return -ENOENT;
  number = status.stx_mnt_id;
  return 0;
}

// What the view builder made lies on a read-only mount: in the root, or it is a cover of its own. On any other one the
// tool could have made it, and could take it away again.
long require_read_only(int place) {
  struct statfs status {};
  const long result = raw_syscall(SYS_fstatfs, place, &status);
  if (result < 0) return result;
  return (static_cast<unsigned long>(status.f_flags) & ST_RDONLY) != 0 ? 0 : -EPERM;
}

long set_attribute(long place, std::uint64_t attribute, std::uint64_t propagation = 0) {
  const abi::MountAttributes attributes{attribute, 0, propagation, 0};
  return raw_syscall(SYS_mount_setattr, place, "", AT_EMPTY_PATH | abi::kAtRecursive, &attributes, sizeof attributes);
}

std::int32_t positive(long result) { return result < 0 ? static_cast<std::int32_t>(-result) : 0; }

}  // namespace

long LateMounts::begin() {
  if (const long shared = make_all_mounts_shared(); shared < 0) return shared;
  const long view = open_lifted("/", O_PATH | O_DIRECTORY);
  if (view < 0) return view;
  const long own = open_lifted("/proc/self/ns/mnt", O_RDONLY);
  if (own < 0) return own;
  view_ = static_cast<int>(view);
  namespace_ = static_cast<int>(own);
  return 0;
}

long LateMounts::settle(int first, int tool) {
  const long lifted = lift(tool);  // its number may be one of those that are taken below
  if (lifted < 0) return lifted;
  tool_ = static_cast<int>(lifted);
  for (int* held : {&view_, &namespace_, &tool_}) {
    const long result = raw_syscall(SYS_dup3, *held, first, O_CLOEXEC);
    if (result < 0) return result;
    *held = first++;
  }
  return first;
}

LateMounts::Entry* LateMounts::find(AttachId id) {
  for (Entry& entry : entries_)
    if (entry.mount != 0 && entry.id == id) return &entry;
  return nullptr;
}

LateMounts::Entry* LateMounts::free_entry() {
  for (Entry& entry : entries_)
    if (entry.mount == 0) return &entry;
  return nullptr;
}

long LateMounts::attach_at_place(const TreeRequest& request, int mount) const {
  const long place = open_beneath(view_, relative(request));
  if (place < 0) return place;
  long result = require_read_only(static_cast<int>(place));
  if (result >= 0)
    result =
        raw_syscall(SYS_move_mount, mount, "", place, "", abi::kMoveMountFromEmptyPath | abi::kMoveMountToEmptyPath);
  raw_syscall(SYS_close, place);
  return result;
}

long LateMounts::attach(const TreeRequest& request, int mount) {
  if (!possible()) return -EOPNOTSUPP;
  if (mount < 0) return -EBADF;
  if (find(request.id) != nullptr) return -EEXIST;
  Entry* entry = free_entry();
  if (entry == nullptr) return -ENOSPC;
  std::uint64_t number = 0;
  if (const long result = mount_number(mount, number); result < 0) return result;
  // A clone of a shared mount of the host is in its peer group, and what is attached here would appear there. The
  // broker makes its mounts private; this is for the one that is not.
  if (const long result = set_attribute(mount, 0, MS_PRIVATE); result < 0) return result;
  if (const long result = attach_at_place(request, mount); result < 0) return result;
  *entry = {request.id, number};
  return 0;
}

// Closed before anything else happens: whoever has the mount open holds it.
long LateMounts::is_at_place(const TreeRequest& request, std::uint64_t mount) const {
  const long place = open_beneath(view_, relative(request));
  if (place < 0) return place;
  std::uint64_t found = 0;
  const long result = mount_number(static_cast<int>(place), found);
  raw_syscall(SYS_close, place);
  if (result < 0) return result;
  return found == mount ? 0 : -EBUSY;
}

// umount2(2) takes a path. Its last component, seen from the directory that it lies in, leaves nothing on the way that
// could be a link.
long LateMounts::unmount(TreeRequest request, int flags) const {
  std::size_t slash = request.path_length;
  while (request.path[slash] != '/') --slash;
  request.path[slash] = '\0';
  const long directory = slash == 0 ? view_ : open_beneath(view_, relative(request));
  if (directory < 0) return directory;
  long result = raw_syscall(SYS_fchdir, directory);
  if (slash != 0) raw_syscall(SYS_close, directory);
  if (result >= 0) result = raw_syscall(SYS_umount2, request.path.data() + slash + 1, UMOUNT_NOFOLLOW | flags);
  raw_syscall(SYS_fchdir, view_);
  return result;
}

// Flags belong to each copy of a mount and do not propagate: those of the tool's copy can only be set in the tool's
// mount namespace, and only as long as the tree is attached there. Execution first: it can always be forbidden, and
// both together would fail as one.
void LateMounts::restrict_for_holders(const TreeRequest& request, DetachOutcome& outcome) const {
  long result = raw_syscall(SYS_setns, tool_, CLONE_NEWNS);
  if (result < 0) {
    outcome.forbid_execution = outcome.forbid_writing = positive(result);
    return;
  }
  const long place = open_beneath(AT_FDCWD, relative(request));  // setns(2) made the tool's root the working directory
  std::uint64_t number = 0;
  result = place < 0 ? place : mount_number(static_cast<int>(place), number);
  outcome.forbid_execution = positive(result < 0 ? result : set_attribute(place, abi::kMountNoExecute));
  outcome.forbid_writing = positive(result < 0 ? result : set_attribute(place, abi::kMountReadOnly));
  if (place >= 0) raw_syscall(SYS_close, place);
  // In the tool's namespace init could never attach or take away anything again.
  while (raw_syscall(SYS_setns, namespace_, CLONE_NEWNS) < 0) raw_syscall(SYS_exit_group, 1);
}

long LateMounts::detach(const TreeRequest& request, DetachOutcome& outcome) {
  outcome = {kStepNotTried, kStepNotTried, kStepNotTried, kStepNotTried};
  if (!possible()) return -EOPNOTSUPP;
  Entry* entry = find(request.id);
  if (entry == nullptr) return -ENOENT;
  if (const long result = is_at_place(request, entry->mount); result < 0) return result;
  long result = unmount(request, 0);
  outcome.unmount = positive(result);
  if (result == -EBUSY) {
    restrict_for_holders(request, outcome);
    result = unmount(request, MNT_DETACH);
    outcome.detach = positive(result);
  }
  if (result >= 0) entry->mount = 0;
  return result;
}

}  // namespace writ
