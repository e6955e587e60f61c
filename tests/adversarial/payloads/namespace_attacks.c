// 52, 53, 58: namespaces, mounts, capabilities and filters, for real: each attack succeeds when nothing stops it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

enum { kOpenTree = 428, kMoveMount = 429, kMountSetattr = 442, kTime = 0x80 };
enum { kMsBind = 4096, kMsRemount = 32, kMsReadOnly = 1, kMsRecursive = 16384, kDetach = 2 };

static const struct {
  const char* name;
  unsigned long flag;
  const char* file;
} kNamespaces[] = {{"user", CLONE_NEWUSER, "user"},       {"mnt", CLONE_NEWNS, "mnt"},  {"net", CLONE_NEWNET, "net"},
                   {"pid", CLONE_NEWPID, "pid"},          {"ipc", CLONE_NEWIPC, "ipc"}, {"uts", CLONE_NEWUTS, "uts"},
                   {"cgroup", CLONE_NEWCGROUP, "cgroup"}, {"time", kTime, "time"}};

static long enter(const char* how, unsigned long flag, const char* file) {
  struct clone_args arguments = {.flags = flag, .exit_signal = SIGCHLD};
  if (strcmp(how, "unshare") == 0) return syscall(SYS_unshare, flag);
  if (strcmp(how, "unshare-high") == 0) return syscall(SYS_unshare, 0xdead00000000ul | flag);
  if (strcmp(how, "clone3") == 0) return syscall(SYS_clone3, &arguments, sizeof arguments);
  if (strcmp(how, "clone-high") == 0) return syscall(SYS_clone, 0xdead00000000ul | flag | SIGCHLD, 0, 0, 0, 0);
  if (strcmp(how, "clone") == 0) return syscall(SYS_clone, flag | SIGCHLD, 0, 0, 0, 0);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/ns/%s", file);
  const int own = open(path, O_RDONLY);
  return own < 0 ? -1 : setns(own, (int)flag);
}

// arguments: how, namespace
static int enter_namespace(int argc, char** argv) {
  (void)argc;
  for (size_t i = 0; i < sizeof kNamespaces / sizeof kNamespaces[0]; ++i) {
    if (strcmp(kNamespaces[i].name, argv[1]) != 0) continue;
    const long child = enter(argv[0], kNamespaces[i].flag, kNamespaces[i].file);
    if (child == 0 && strncmp(argv[0], "clone", 5) == 0) _exit(0);
    const int error = errno;
    if (child > 0) waitpid((int)child, NULL, 0);
    errno = error;
    return judge(child, argv[1]);
  }
  return undecided("no such namespace");
}

static long set_attributes(const char* path, unsigned long set, unsigned long clear) {
  const struct mount_attr attributes = {set, clear, 0, 0};
  return syscall(kMountSetattr, AT_FDCWD, path, 0, &attributes, sizeof attributes);
}

// arguments: how, place
static int change_mounts(int argc, char** argv) {
  (void)argc;
  const char* how = argv[0];
  const char* at = argv[1];
  if (strcmp(how, "umount") == 0) return judge(syscall(SYS_umount2, at, kDetach), how);
  if (strcmp(how, "overmount") == 0) return judge(syscall(SYS_mount, "none", at, "tmpfs", 0, NULL), how);
  if (strcmp(how, "bind") == 0) return judge(syscall(SYS_mount, "/usr", at, NULL, kMsBind, NULL), how);
  if (strcmp(how, "remount") == 0) return judge(syscall(SYS_mount, NULL, at, NULL, kMsRemount | kMsBind, NULL), how);
  if (strcmp(how, "writable") == 0) return judge(set_attributes(at, 0, MOUNT_ATTR_RDONLY), how);
  if (strcmp(how, "chroot") == 0) return judge(chroot(at), how);
  if (strcmp(how, "pivot") == 0) return judge(syscall(SYS_pivot_root, at, at), how);
  if (strcmp(how, "proc") == 0) return judge(syscall(SYS_mount, "proc", at, "proc", 0, NULL), how);
  if (strcmp(how, "fsopen") == 0) return judge(syscall(SYS_fsopen, "tmpfs", 0), how);
  if (strcmp(how, "fspick") == 0) return judge(syscall(SYS_fspick, AT_FDCWD, at, 0), how);
  const int tree = (int)syscall(kOpenTree, AT_FDCWD, "/usr", 1 | AT_RECURSIVE);
  if (strcmp(how, "open-tree") == 0 || tree < 0) return judge(tree, how);
  return judge(syscall(kMoveMount, tree, "", AT_FDCWD, at, 4), how);
}

// A chain of attempts to get power over a namespace of one's own: clone with a user namespace, then mount in it.
static int regain_power(int argc, char** argv) {
  (void)argc, (void)argv;
  if (syscall(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNS) != 0) return stopped(errno);
  if (syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL) != 0) return stopped(errno);
  return escaped("mounted in a namespace of its own");
}

static int set_capabilities(int argc, char** argv) {
  (void)argc, (void)argv;
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  memset(data, 0, sizeof data);
  data[0].permitted = data[0].effective = 1u << CAP_DAC_READ_SEARCH;
  return judge(syscall(SYS_capset, &header, data), "has a capability");
}

static int any_capability(int argc, char** argv) {
  (void)argc, (void)argv;
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) != 0) return stopped(errno);
  for (int i = 0; i < 2; ++i)
    if ((data[i].permitted | data[i].effective | data[i].inheritable) != 0) return escaped("holds capabilities");
  for (int capability = 0; capability < 41; ++capability)
    if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1)
      return escaped("capability %d is in the bounding set", capability);
  return stopped(EPERM);
}

static int change_identity(int argc, char** argv) {
  (void)argc, (void)argv;
  return judge(setresuid(0, 0, 0), "is root");
}

static long install_allow_all(unsigned flags) {
  struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const struct sock_fprog program = {1, &allow};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int listen_to_filter(int argc, char** argv) {
  (void)argc, (void)argv;
  return judge(install_allow_all(SECCOMP_FILTER_FLAG_NEW_LISTENER), "supervises system calls");
}

// A filter of one's own that allows everything must not open what the first one closed.
static int loosen_filter(int argc, char** argv) {
  (void)argc, (void)argv;
  install_allow_all(0);
  return judge(ptrace(PTRACE_TRACEME, 0, NULL, NULL), "ptrace after a second filter");
}

const struct attack namespace_attacks[] = {{"namespace", enter_namespace, 2},
                                           {"mounts", change_mounts, 2},
                                           {"regain-power", regain_power, 0},
                                           {"capset", set_capabilities, 0},
                                           {"capabilities", any_capability, 0},
                                           {"become-root", change_identity, 0},
                                           {"seccomp-listener", listen_to_filter, 0},
                                           {"seccomp-loosen", loosen_filter, 0},
                                           {NULL, NULL, 0}};
