#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "broker/kernel/feature_probe.h"

// Everything here runs in a forked child that leaves by _exit: descriptors are left to the end of the process, and
// every mount lives in a mount namespace that ends with it.
namespace writ {
namespace {

constexpr ProbeReport kSuccess{};
constexpr const char* kGrantedTree = "/usr";  // present on every distribution
constexpr unsigned kRecursive = AT_EMPTY_PATH | AT_RECURSIVE;

bool failed(const ProbeReport& report) { return report.state == FeatureState::kUnavailable; }

int make_scratch_root() {
  const int configuration = ::fsopen("tmpfs", FSOPEN_CLOEXEC);
  if (configuration < 0) return -1;
  if (::fsconfig(configuration, FSCONFIG_SET_STRING, "size", "64k", 0) != 0) return -1;
  if (::fsconfig(configuration, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return -1;
  return ::fsmount(configuration, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

int clone_tree_read_only() {
  const int tree = ::open_tree(AT_FDCWD, kGrantedTree, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (tree < 0) return -1;
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  return ::mount_setattr(tree, "", kRecursive, &attributes, sizeof attributes) == 0 ? tree : -1;
}

// Makes `root` the root of this mount namespace and lets go of the old one.
ProbeReport pivot_to(int root) {
  if (::fchdir(root) != 0) return probe_failed("enter the view");
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return probe_failed("make the view the root (pivot_root)");
  if (::umount2(".", MNT_DETACH) != 0) return probe_failed("let go of the old root");
  if (::chdir("/") != 0) return probe_failed("enter the new root");
  return kSuccess;
}

int attach(int tree, int directory, const char* name) {
  return ::move_mount(tree, "", directory, name, MOVE_MOUNT_F_EMPTY_PATH);
}

// Puts `tree` into `root`, before `root` itself is attached where the kernel can do that (6.15), else afterwards.
ProbeReport attach_both(int root, int tree) {
  const bool detached_assembly = attach(tree, root, "granted") == 0;
  if (!detached_assembly && errno != EINVAL) return probe_failed("attach a granted tree to the view");
  // On top of the old root: paths still resolve to what lies beneath until pivot_root.
  if (attach(root, AT_FDCWD, "/") != 0) return probe_failed("attach the view");
  if (detached_assembly) return kSuccess;
  if (attach(tree, root, "granted") != 0) return probe_failed("attach a granted tree to the attached view");
  ProbeReport degraded;
  degraded.state = FeatureState::kDegraded;
  degraded.step = "trees can only be attached after the view itself (kernel before 6.15): a little slower";
  return degraded;
}

ProbeReport assemble_view(const ProbeContext& context) {
  const ProbeReport entered = enter_namespaces(context, CLONE_NEWNS);
  if (failed(entered)) return entered;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return probe_failed("make mounts private");
  const int tree = clone_tree_read_only();
  if (tree < 0) return probe_failed("clone a tree as a read-only detached mount");
  const int root = make_scratch_root();
  if (root < 0) return probe_failed("make a scratch file system");
  if (::mkdirat(root, "granted", 0700) != 0) return probe_failed("make a mount point in the view");
  const ProbeReport attached = attach_both(root, tree);
  if (failed(attached)) return attached;
  const ProbeReport pivoted = pivot_to(root);
  return failed(pivoted) ? pivoted : attached;
}

// A process that keeps a user namespace alive until it is let go. It waits for the end of `lifeline`, which comes when
// release_holder() closes it, and also when this process dies.
struct NamespaceHolder {
  pid_t pid = -1;
  int lifeline = -1;
};

NamespaceHolder start_holder() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, 0));
  if (pid == 0) {
    ::close(ends[1]);  // the parent's end: with a copy of it here, the read below would never end
    char nothing = 0;
    while (::read(ends[0], &nothing, 1) < 0 && errno == EINTR) {
    }
    ::_exit(0);
  }
  return {.pid = pid, .lifeline = ends[1]};
}

void release_holder(const NamespaceHolder& holder) {
  const int saved_errno = errno;
  ::close(holder.lifeline);  // the holder's end of file
  while (::waitpid(holder.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  errno = saved_errno;
}

// Opens /proc/<pid>/<name>. snprintf with %d and %s neither allocates nor locks in glibc.
int open_process_file(pid_t pid, const char* name, int flags) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  return ::open(path, flags | O_CLOEXEC);
}

bool map_subordinate_range(pid_t pid) {
  constexpr const char* kRange = "0 100000 65536\n";
  for (const char* map : {"uid_map", "gid_map"}) {
    const int fd = open_process_file(pid, map, O_WRONLY);
    if (fd < 0 || ::write(fd, kRange, std::strlen(kRange)) < 0) return false;
  }
  return true;
}

// Returns a descriptor of a user namespace that maps a subordinate range, or -1 with errno.
int open_range_namespace() {
  const NamespaceHolder holder = start_holder();
  if (holder.pid < 0) return -1;
  const int fd = map_subordinate_range(holder.pid) ? open_process_file(holder.pid, "ns/user", O_RDONLY) : -1;
  release_holder(holder);
  return fd;
}

}  // namespace

ProbeReport probe_view(const ProbeContext& context) { return assemble_view(context); }

ProbeReport probe_locked_view(const ProbeContext& context) {
  const ProbeReport assembled = assemble_view(context);
  if (failed(assembled)) return assembled;
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return probe_failed("make the second user and mount namespace");
  // With every capability of the new namespace, making the granted tree writable again must be refused.
  mount_attr attributes{};
  attributes.attr_clr = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(AT_FDCWD, "/granted", AT_RECURSIVE, &attributes, sizeof attributes) == 0)
    return {.state = FeatureState::kUnavailable,
            .system_errno = 0,
            .value = 0,
            .step = "a read-only mount could be made writable again from inside"};
  return errno == EPERM ? kSuccess : probe_failed("see the kernel refuse to loosen a locked mount");
}

ProbeReport probe_idmapped_mounts(const ProbeContext& context) {
  if (context.privilege != Privilege::kSystemAdministrator)
    return {.state = FeatureState::kUnavailable,
            .system_errno = 0,
            .value = 0,
            .step = "only root can make them, and only root needs them"};
  const int user_namespace = open_range_namespace();
  if (user_namespace < 0) return probe_failed("make a user namespace with a subordinate range");
  const int tree = ::open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) return probe_failed("clone the current directory as a detached mount");
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<unsigned>(user_namespace);
  if (::mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0)
    return probe_failed("map the owners of files in the current directory");
  return kSuccess;
}

}  // namespace writ
