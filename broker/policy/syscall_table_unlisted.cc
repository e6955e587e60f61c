// The calls that no base allows: the forbidden ones with their reasons, and those that a profile may add.
#include <array>
#include <cerrno>

#include "broker/policy/syscall_table.h"

namespace writ {
namespace {

constexpr std::string_view kOtherProcess = "reaches into other processes";
constexpr std::string_view kKernelInterpreter = "runs code of the caller in the kernel";
constexpr std::string_view kMounts = "changes the view";
constexpr std::string_view kNamespaces = "changes namespaces";
constexpr std::string_view kKeyring = "reaches keyrings that outlive the sandbox";
constexpr std::string_view kHandles = "opens files past the view";
constexpr std::string_view kMachine = "acts on the whole machine";
constexpr std::string_view kHardware = "reaches hardware or raw processor state";
constexpr std::string_view kUring = "performs operations that no filter sees; programs fall back on ENOSYS";
constexpr std::string_view kMemoryFlags =
    "takes its flags in memory, where no filter sees them; programs fall back on ENOSYS";

constexpr std::array kForbidden = {
    ForbiddenSyscall{"ptrace", EPERM, kOtherProcess},
    ForbiddenSyscall{"process_vm_readv", EPERM, kOtherProcess},
    ForbiddenSyscall{"process_vm_writev", EPERM, kOtherProcess},
    ForbiddenSyscall{"process_madvise", EPERM, kOtherProcess},
    ForbiddenSyscall{"pidfd_getfd", EPERM, kOtherProcess},
    ForbiddenSyscall{"kcmp", EPERM, kOtherProcess},
    ForbiddenSyscall{"migrate_pages", EPERM, kOtherProcess},
    ForbiddenSyscall{"move_pages", EPERM, kOtherProcess},
    ForbiddenSyscall{"bpf", EPERM, kKernelInterpreter},
    ForbiddenSyscall{"perf_event_open", EPERM, "measures other code and has a long history of kernel bugs"},
    ForbiddenSyscall{"userfaultfd", EPERM, "stops the kernel in the middle of its work"},
    ForbiddenSyscall{"keyctl", EPERM, kKeyring},
    ForbiddenSyscall{"add_key", EPERM, kKeyring},
    ForbiddenSyscall{"request_key", EPERM, kKeyring},
    ForbiddenSyscall{"mount", EPERM, kMounts},
    ForbiddenSyscall{"umount2", EPERM, kMounts},
    ForbiddenSyscall{"pivot_root", EPERM, kMounts},
    ForbiddenSyscall{"chroot", EPERM, kMounts},
    ForbiddenSyscall{"open_tree", EPERM, kMounts},
    ForbiddenSyscall{"move_mount", EPERM, kMounts},
    ForbiddenSyscall{"fsopen", EPERM, kMounts},
    ForbiddenSyscall{"fsconfig", EPERM, kMounts},
    ForbiddenSyscall{"fsmount", EPERM, kMounts},
    ForbiddenSyscall{"fspick", EPERM, kMounts},
    ForbiddenSyscall{"mount_setattr", EPERM, kMounts},
    ForbiddenSyscall{"unshare", EPERM, kNamespaces},
    ForbiddenSyscall{"setns", EPERM, kNamespaces},
    ForbiddenSyscall{"clone3", ENOSYS, kMemoryFlags},
    ForbiddenSyscall{"openat2", ENOSYS, kMemoryFlags},
    ForbiddenSyscall{"io_uring_setup", ENOSYS, kUring},
    ForbiddenSyscall{"io_uring_enter", ENOSYS, kUring},
    ForbiddenSyscall{"io_uring_register", ENOSYS, kUring},
    ForbiddenSyscall{"name_to_handle_at", EPERM, kHandles},
    ForbiddenSyscall{"open_by_handle_at", EPERM, kHandles},
    ForbiddenSyscall{"fanotify_init", EPERM, "watches and holds up other processes' file accesses"},
    ForbiddenSyscall{"fanotify_mark", EPERM, "watches and holds up other processes' file accesses"},
    ForbiddenSyscall{"kexec_load", EPERM, kMachine},
    ForbiddenSyscall{"kexec_file_load", EPERM, kMachine},
    ForbiddenSyscall{"init_module", EPERM, kMachine},
    ForbiddenSyscall{"finit_module", EPERM, kMachine},
    ForbiddenSyscall{"delete_module", EPERM, kMachine},
    ForbiddenSyscall{"create_module", EPERM, kMachine},
    ForbiddenSyscall{"get_kernel_syms", EPERM, kMachine},
    ForbiddenSyscall{"query_module", EPERM, kMachine},
    ForbiddenSyscall{"reboot", EPERM, kMachine},
    ForbiddenSyscall{"swapon", EPERM, kMachine},
    ForbiddenSyscall{"swapoff", EPERM, kMachine},
    ForbiddenSyscall{"acct", EPERM, kMachine},
    ForbiddenSyscall{"quotactl", EPERM, kMachine},
    ForbiddenSyscall{"quotactl_fd", EPERM, kMachine},
    ForbiddenSyscall{"settimeofday", EPERM, kMachine},
    ForbiddenSyscall{"clock_settime", EPERM, kMachine},
    ForbiddenSyscall{"clock_adjtime", EPERM, kMachine},
    ForbiddenSyscall{"adjtimex", EPERM, kMachine},
    ForbiddenSyscall{"sethostname", EPERM, kMachine},
    ForbiddenSyscall{"setdomainname", EPERM, kMachine},
    ForbiddenSyscall{"syslog", EPERM, "reads and clears the kernel's log"},
    ForbiddenSyscall{"lookup_dcookie", EPERM, "names files past the view"},
    ForbiddenSyscall{"iopl", EPERM, kHardware},
    ForbiddenSyscall{"ioperm", EPERM, kHardware},
    ForbiddenSyscall{"modify_ldt", EPERM, kHardware},
    ForbiddenSyscall{"vhangup", EPERM, "takes the terminal from other processes"},
    ForbiddenSyscall{"vserver", EPERM, "has never existed in a released kernel"},
    ForbiddenSyscall{"uselib", EPERM, "was removed from modern kernels after security bugs"},
    ForbiddenSyscall{"nfsservctl", EPERM, kMachine},
    ForbiddenSyscall{"_sysctl", EPERM, kMachine},
};

// Newer than kNewestReviewedNumber: libraries that know these names must not make them allowable.
constexpr std::array kForbiddenNewer = {
    ForbiddenSyscall{"open_tree_attr", ENOSYS, kMounts},
    ForbiddenSyscall{"listns", ENOSYS, kNamespaces},
};

consteval AddableSyscall addable(std::string_view name) { return {numbers_of(name)}; }

constexpr std::array kAddable = {
    addable("vmsplice"),          // shares pages between pipes and memory; had kernel bugs, few programs use it
    addable("remap_file_pages"),  // emulated since Linux 4.0
    addable("memfd_secret"),      // off by default in the kernel
    addable("process_mrelease"),  // for out-of-memory killers
    addable("set_mempolicy_home_node"),
    addable("cachestat"),  // tells what other programs read
    addable("ustat"),
    addable("sysfs"),
    addable("set_thread_area"),  // 32-bit thread-local storage
    addable("get_thread_area"),
    addable("epoll_ctl_old"),  // never implemented
    addable("epoll_wait_old"),
    addable("getpmsg"),
    addable("putpmsg"),
    addable("afs_syscall"),
    addable("tuxcall"),
    addable("security"),
};

constexpr auto joined() {
  std::array<ForbiddenSyscall, kForbidden.size() + kForbiddenNewer.size()> all{};
  std::size_t next = 0;
  for (const ForbiddenSyscall& entry : kForbidden) all[next++] = entry;
  for (const ForbiddenSyscall& entry : kForbiddenNewer) all[next++] = entry;
  return all;
}
constexpr auto kAllForbidden = joined();

}  // namespace

std::span<const ForbiddenSyscall> forbidden_syscalls() { return kAllForbidden; }
std::span<const AddableSyscall> addable_syscalls() { return kAddable; }

}  // namespace writ
