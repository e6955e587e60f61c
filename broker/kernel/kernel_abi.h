// Kernel constants and structures that Debian 12's headers lack, each with the version that brought it.
// Pure data; checked against the system's header where that has the name too.
#ifndef WRIT_BROKER_KERNEL_KERNEL_ABI_H_
#define WRIT_BROKER_KERNEL_KERNEL_ABI_H_

#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/types.h>

#include <cstdint>

namespace writ::abi {

// prctl(2)
inline constexpr int kPrSetMdwe = 65;  // 6.3

// memfd_create(2)
inline constexpr unsigned kMfdNoexecSeal = 0x8;  // 6.3

// seccomp(2), seccomp_unotify(2)
inline constexpr unsigned kSeccompNewListener = 1u << 3;          // 5.0
inline constexpr unsigned kSeccompWaitKillableReceive = 1u << 5;  // 5.19; only with kSeccompNewListener
inline constexpr unsigned long kSeccompNotifyReceive = 0xC0502100;
inline constexpr unsigned long kSeccompNotifySend = 0xC0182101;
inline constexpr unsigned long kSeccompNotifyIdValid = 0x40082102;          // the direction that 5.17 corrected
inline constexpr unsigned long kSeccompNotifyIdValidWrongWay = 0x80082102;  // as 5.0 had it; still understood
inline constexpr unsigned long kSeccompNotifyAddDescriptor = 0x40182103;    // 5.9
inline constexpr unsigned long kSeccompNotifySetFlags = 0x40082104;         // 6.6; the flags are the argument itself
inline constexpr unsigned long kSeccompSyncWakeUp = 1;                      // 6.6
inline constexpr unsigned kSeccompNotifyContinue = 1;                       // 5.5
inline constexpr unsigned kSeccompAddDescriptorSet = 1;                     // 5.9: like dup2
inline constexpr unsigned kSeccompAddDescriptorSend = 2;                    // 5.14: answers with the new number

// pidfd_open(2): of a thread, not of a process; O_EXCL
inline constexpr unsigned kPidfdThread = 0200;  // 6.9

// socket(7)
inline constexpr int kSoNetnsCookie = 71;  // 5.14

// landlock(7): access rights of the file system, by ABI version
inline constexpr std::uint64_t kLandlockFsAbi1 = (1ull << 13) - 1;  // 5.13: EXECUTE … MAKE_SYM
inline constexpr std::uint64_t kLandlockExecute = 1ull << 0;
inline constexpr std::uint64_t kLandlockWriteFile = 1ull << 1;
inline constexpr std::uint64_t kLandlockReadFile = 1ull << 2;
inline constexpr std::uint64_t kLandlockReadDirectory = 1ull << 3;
inline constexpr std::uint64_t kLandlockRefer = 1ull << 13;        // ABI 2, 5.19
inline constexpr std::uint64_t kLandlockTruncate = 1ull << 14;     // ABI 3, 6.2
inline constexpr std::uint64_t kLandlockIoctlDevice = 1ull << 15;  // ABI 5, 6.10
inline constexpr std::uint64_t kLandlockNetBindTcp = 1ull << 0;    // ABI 4, 6.7
inline constexpr std::uint64_t kLandlockNetConnectTcp = 1ull << 1;
inline constexpr std::uint64_t kLandlockScopeAbstractUnixSocket = 1ull << 0;  // ABI 6, 6.12
inline constexpr std::uint64_t kLandlockScopeSignal = 1ull << 1;
inline constexpr std::uint64_t kLandlockResolveUnix = 1ull << 16;  // ABI 9, 7.1: connect to path sockets

static_assert(kLandlockRefer == LANDLOCK_ACCESS_FS_REFER);

// struct landlock_ruleset_attr as of ABI 6; older kernels accept a zero tail, newer ones a shorter structure.
struct LandlockRulesetAttributes {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};

struct LandlockPathBeneath {
  std::uint64_t allowed_access;
  std::int32_t parent_fd;
} __attribute__((packed));

// mount_setattr(2), struct mount_attr (5.12). linux/mount.h cannot be included next to sys/mount.h of glibc 2.36.
struct MountAttributes {
  std::uint64_t set;
  std::uint64_t clear;
  std::uint64_t propagation;
  std::uint64_t userns_fd;
};
inline constexpr std::uint64_t kMountReadOnly = 0x1;
inline constexpr std::uint64_t kMountNoSuid = 0x2;
inline constexpr std::uint64_t kMountNoDevices = 0x4;
inline constexpr std::uint64_t kMountNoExecute = 0x8;
inline constexpr std::uint64_t kMountNoAccessTimes = 0x10;  // MOUNT_ATTR_NOATIME, one of the values of the next mask
inline constexpr std::uint64_t kMountAccessTimesMask = 0x70;
inline constexpr std::uint64_t kMountNoSymlinkFollow = 0x200000;
inline constexpr std::uint64_t kMountIdmap = 0x100000;

// open_tree(2), move_mount(2), fsmount(2), fsconfig(2) (5.2)
inline constexpr unsigned kOpenTreeClone = 1;
inline constexpr long kOpenTreeAttr = 467;  // 6.15; the same number on every architecture
inline constexpr unsigned kOpenTreeCloexec = 02000000;
inline constexpr unsigned kAtRecursive = 0x8000;
inline constexpr unsigned kMoveMountFromEmptyPath = 0x4;
inline constexpr unsigned kMoveMountToEmptyPath = 0x40;
inline constexpr unsigned kFsopenCloexec = 1;
inline constexpr unsigned kFsmountCloexec = 1;
inline constexpr unsigned kFsconfigSetFlag = 0;
inline constexpr unsigned kFsconfigSetString = 1;
inline constexpr unsigned kFsconfigCreate = 6;

// clone3(2), struct clone_args as of 5.7
struct CloneArguments {
  std::uint64_t flags;
  std::uint64_t pidfd;
  std::uint64_t child_tid;
  std::uint64_t parent_tid;
  std::uint64_t exit_signal;
  std::uint64_t stack;
  std::uint64_t stack_size;
  std::uint64_t tls;
  std::uint64_t set_tid;
  std::uint64_t set_tid_size;
  std::uint64_t cgroup;
};

}  // namespace writ::abi

#endif  // WRIT_BROKER_KERNEL_KERNEL_ABI_H_
