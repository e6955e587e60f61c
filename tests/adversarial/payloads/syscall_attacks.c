// Section 6: is a system call reachable at all? Each is called with arguments that it must refuse, so that reaching it
// does nothing; an errno that judges the arguments shows that the call was there. Root outside is the control.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

// Numbers above 424 are the same on every architecture; Debian 12's headers lack the newest.
enum {
  kIoUringSetup = 425,
  kIoUringEnter = 426,
  kIoUringRegister = 427,
  kOpenTree = 428,
  kMoveMount = 429,
  kFsopen = 430,
  kFsconfig = 431,
  kFsmount = 432,
  kFspick = 433,
  kClone3 = 435,
  kOpenat2 = 437,
  kPidfdGetfd = 438,
  kProcessMadvise = 440,
  kMountSetattr = 442,
  kQuotactlFd = 443,
  kMemfdSecret = 447,
  kProcessMrelease = 448,
  kStatmount = 457,
  kListmount = 458,
  kLsmGetSelfAttr = 459,
  kLsmSetSelfAttr = 460,
  kOpenTreeAttr = 467
};

struct probe {
  const char* name;
  long number;
  unsigned long arguments[6];
};

#define BAD ((unsigned long)-1)      // no such descriptor, flag or command
#define NOWHERE ((unsigned long)16)  // an address that is never mapped

static const struct probe kProbes[] = {
    {"io_uring_setup", kIoUringSetup, {0, NOWHERE}},
    {"io_uring_enter", kIoUringEnter, {BAD}},
    {"io_uring_register", kIoUringRegister, {BAD, 0, NOWHERE, 1}},
    {"mount", SYS_mount, {NOWHERE, NOWHERE, NOWHERE}},
    {"umount2", SYS_umount2, {NOWHERE, BAD}},
    {"pivot_root", SYS_pivot_root, {NOWHERE, NOWHERE}},
    {"chroot", SYS_chroot, {NOWHERE}},
    {"open_tree", kOpenTree, {BAD, NOWHERE, BAD}},
    {"open_tree_attr", kOpenTreeAttr, {BAD, NOWHERE, BAD}},
    {"move_mount", kMoveMount, {BAD, NOWHERE, BAD, NOWHERE, BAD}},
    {"fsopen", kFsopen, {NOWHERE, BAD}},
    {"fsconfig", kFsconfig, {BAD, BAD}},
    {"fsmount", kFsmount, {BAD, BAD, BAD}},
    {"fspick", kFspick, {BAD, NOWHERE, BAD}},
    {"mount_setattr", kMountSetattr, {BAD, NOWHERE, BAD, NOWHERE, 0}},
    {"statmount", kStatmount, {NOWHERE, NOWHERE, 0, BAD}},
    {"listmount", kListmount, {NOWHERE, NOWHERE, 0, BAD}},
    {"unshare", SYS_unshare, {1}},
    {"setns", SYS_setns, {BAD, 0}},
    {"clone3", kClone3, {0, 0}},
    {"openat2", kOpenat2, {BAD, NOWHERE, NOWHERE, 0}},
    {"name_to_handle_at", SYS_name_to_handle_at, {BAD, NOWHERE, NOWHERE, NOWHERE, BAD}},
    {"open_by_handle_at", SYS_open_by_handle_at, {BAD, NOWHERE, 0}},
    {"ptrace", SYS_ptrace, {3, 0, 0, 0}},
    {"process_vm_readv", SYS_process_vm_readv, {0, NOWHERE, 1, NOWHERE, 1, 1}},
    {"process_vm_writev", SYS_process_vm_writev, {0, NOWHERE, 1, NOWHERE, 1, 1}},
    {"process_madvise", kProcessMadvise, {BAD, NOWHERE, 1, 0, 1}},
    {"pidfd_getfd", kPidfdGetfd, {BAD, 0, 1}},
    {"kcmp", SYS_kcmp, {0, 0, BAD, 0, 0}},
    {"migrate_pages", SYS_migrate_pages, {0, BAD, NOWHERE, NOWHERE}},
    {"move_pages", SYS_move_pages, {0, 1, NOWHERE, NOWHERE, NOWHERE, BAD}},
    {"bpf", SYS_bpf, {9999, NOWHERE, 8}},
    {"perf_event_open", SYS_perf_event_open, {NOWHERE, 0, BAD, BAD, 0}},
    {"userfaultfd", SYS_userfaultfd, {BAD}},
    {"keyctl", SYS_keyctl, {9999}},
    {"add_key", SYS_add_key, {NOWHERE, NOWHERE, 0, 0, 0}},
    {"request_key", SYS_request_key, {NOWHERE, NOWHERE, 0, 0}},
    {"fanotify_init", SYS_fanotify_init, {BAD, BAD}},
    {"fanotify_mark", SYS_fanotify_mark, {BAD, BAD, 0, BAD, NOWHERE}},
    {"kexec_load", SYS_kexec_load, {0, BAD, NOWHERE, BAD}},
    {"init_module", SYS_init_module, {NOWHERE, 1, NOWHERE}},
    {"finit_module", SYS_finit_module, {BAD, NOWHERE, BAD}},
    {"delete_module", SYS_delete_module, {NOWHERE, 0}},
    {"reboot", SYS_reboot, {0, 0, 0, 0}},
    {"swapon", SYS_swapon, {NOWHERE, BAD}},
    {"swapoff", SYS_swapoff, {NOWHERE}},
    {"acct", SYS_acct, {NOWHERE}},
    {"quotactl", SYS_quotactl, {BAD, NOWHERE, 0, 0}},
    {"quotactl_fd", kQuotactlFd, {BAD, BAD, 0, 0}},
    {"settimeofday", SYS_settimeofday, {NOWHERE, 0}},
    {"clock_settime", SYS_clock_settime, {0, NOWHERE}},
    {"clock_adjtime", SYS_clock_adjtime, {0, NOWHERE}},
    {"adjtimex", SYS_adjtimex, {NOWHERE}},
    {"sethostname", SYS_sethostname, {NOWHERE, BAD}},
    {"setdomainname", SYS_setdomainname, {NOWHERE, BAD}},
    {"syslog", SYS_syslog, {9999, 0, 0}},
    {"vmsplice", SYS_vmsplice, {BAD, NOWHERE, 1, 0}},
    {"memfd_secret", kMemfdSecret, {BAD}},
    {"process_mrelease", kProcessMrelease, {BAD, BAD}},
    {"lsm_get_self_attr", kLsmGetSelfAttr, {BAD, NOWHERE, NOWHERE, BAD}},
    {"lsm_set_self_attr", kLsmSetSelfAttr, {BAD, NOWHERE, BAD, BAD}},
#ifdef __x86_64__
    {"kexec_file_load", SYS_kexec_file_load, {BAD, BAD, 0, 0, BAD}},
    {"iopl", SYS_iopl, {99}},
    {"ioperm", SYS_ioperm, {BAD, 1, 1}},
    {"modify_ldt", SYS_modify_ldt, {1, 0, 0}},
#endif
};

// arguments: call [high]; `high` sets the upper half of the number's register, which must change nothing.
static int probe(int argc, char** argv) {
  const unsigned long high = argc > 1 && strcmp(argv[1], "high") == 0 ? 0x100000000ul : 0;
  for (size_t i = 0; i < sizeof kProbes / sizeof kProbes[0]; ++i) {
    if (strcmp(kProbes[i].name, argv[0]) != 0) continue;
    const unsigned long* a = kProbes[i].arguments;
    const long result = syscall((long)(high | (unsigned long)kProbes[i].number), a[0], a[1], a[2], a[3], a[4], a[5]);
    if (result >= 0) return escaped("%s succeeded", argv[0]);
    const int refused = errno == EPERM || errno == ENOSYS || errno == EACCES;
    return refused ? stopped(errno) : escaped("%s looked at its arguments (%s)", argv[0], strerrorname_np(errno));
  }
  return undecided("no such call");
}

// Numbers that no kernel has, or that are newer than what was reviewed.
static int unknown_number(int argc, char** argv) {
  (void)argc;
  if (syscall(atol(argv[0]), -1, 0, 0, 0, 0, 0) >= 0) return escaped("number %s", argv[0]);
  return errno == ENOSYS || errno == EPERM ? stopped(errno)
                                           : escaped("number %s is known (%s)", argv[0], strerrorname_np(errno));
}

#ifdef __x86_64__
// The same call through the entries of other ABIs: the filter sees other numbers there.
static int through_int80(int argc, char** argv) {
  (void)argc, (void)argv;
  enum { kGetpid32 = 20 };
  long result = kGetpid32;
  __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  return result > 0 ? escaped("32-bit getpid gave %ld", result) : stopped((int)-result);
}

static int through_x32(int argc, char** argv) {
  (void)argc, (void)argv;
  enum { kX32 = 0x40000000 };
  const long result = syscall(kX32 | SYS_getpid);
  return result > 0 ? escaped("x32 getpid gave %ld", result) : stopped(errno);
}
#else
static int other_machine(int argc, char** argv) {
  (void)argc, (void)argv;
  errno = ENOSYS;
  return undecided("this machine has one system call ABI");
}
#define through_int80 other_machine
#define through_x32 other_machine
#endif

const struct attack syscall_attacks[] = {{"probe", probe, 1},
                                         {"unknown-number", unknown_number, 1},
                                         {"int80", through_int80, 0},
                                         {"x32", through_x32, 0},
                                         {NULL, NULL, 0}};
