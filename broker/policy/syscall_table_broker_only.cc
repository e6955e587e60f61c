#include "broker/policy/syscall_table.h"

namespace writ {
namespace {

using enum ArgumentCheck;

consteval ListedSyscall row(std::string_view name, ArgumentCheck check = kNone) {
  return {numbers_of(name), Membership::kStrict, check};
}

// What is left when there is nothing to open, nobody to connect to and nothing to start: the descriptors that are
// there, memory, threads, time.
constexpr ListedSyscall kBrokerOnly[] = {
    // The broker socket, and what comes through it.
    row("read"),
    row("write"),
    row("readv"),
    row("writev"),
    row("pread64"),
    row("pwrite64"),
    row("lseek"),
    row("sendmsg"),  // a pair has no other end to address, and a connected socket refuses one (EISCONN, unix(7),
                     // tcp(7))
    row("recvmsg"),
    row("sendto", kSendTo),
    row("recvfrom"),
    row("shutdown"),
    row("poll"),
    row("ppoll"),
    row("close"),
    row("fstat"),
    row("newfstatat", kEmptyPath),
    row("fcntl", kSeals),

    // Answers that are too large for a message.
    row("memfd_create"),
    row("ftruncate"),

    // Memory that is never executed.
    row("brk"),
    row("mmap", kNoExecutableMemory),
    row("mprotect", kNoExecutableMemory),
    row("munmap"),
    row("mremap"),
    row("madvise"),

    // Threads of the tool itself.
    row("clone", kClone),
    row("futex"),
    row("set_robust_list"),
    row("set_tid_address"),
    row("rseq"),
    row("arch_prctl"),
    row("gettid"),
    row("getpid"),
    row("tgkill"),
    row("sched_yield"),
    row("sched_getaffinity"),
    row("prlimit64"),
    row("uname"),

    // Signals, time, chance, the end.
    row("rt_sigaction"),
    row("rt_sigprocmask"),
    row("rt_sigreturn"),
    row("sigaltstack"),
    row("restart_syscall"),
    row("clock_gettime"),
    row("clock_nanosleep"),
    row("nanosleep"),
    row("gettimeofday"),
    row("getrandom"),
    row("exit"),
    row("exit_group"),

    // The tool's own start.
    row("execveat", kFirstProgram),
};

}  // namespace

std::span<const ListedSyscall> broker_only_syscalls() { return kBrokerOnly; }

}  // namespace writ
