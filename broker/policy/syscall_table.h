// The system call lists: which calls each base allows, which no profile may allow, and which stay out until a profile
// names them. One row for each call; a call that is in no list cannot be allowed at all. Pure data, any thread.
#ifndef WRIT_BROKER_POLICY_SYSCALL_TABLE_H_
#define WRIT_BROKER_POLICY_SYSCALL_TABLE_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "broker/policy/syscall_numbers.h"

namespace writ {

// Which base allows the call.
enum class Membership : std::uint8_t {
  kStandard,  // `standard` only
  kStrict,    // `strict` and `standard`
};

// What the arguments must satisfy; the rules themselves are in seccomp_arguments.h.
enum class ArgumentCheck : std::uint8_t {
  kNone,
  kClone,          // no new namespace; in `strict` threads only
  kSocket,         // address families, types and protocols
  kSocketPair,     // AF_UNIX only
  kSendTo,         // in `strict` without an address
  kIoctl,          // list of commands
  kFcntl,          // list of commands
  kPrctl,          // list of options
  kPersonality,    // query, plain Linux, no address randomisation
  kSeccomp,        // a filter of one's own, never a listener
  kModeArgument1,  // no set-uid or set-gid bit
  kModeArgument2,
  kOpenArgument1,  // flags in argument 1, mode in argument 2 when a file is made
  kOpenArgument2,
  kNodeArgument1,  // mode with a file type: regular, FIFO or socket
  kNodeArgument2,
  kNoExecutableMemory,  // PROT_EXEC in argument 2
  kFirstProgram,        // execveat of kFirstProgramDescriptor
  kEmptyPath,           // AT_EMPTY_PATH and nothing else in argument 3
  kSeals,               // fcntl: seals of memory files, flags of a descriptor
};

// Where the program of a launch lies when its filter lets nothing else be executed: above every descriptor that the
// tool can ever have (its limit of open files is lower), and closed by the exec itself.
inline constexpr std::uint32_t kFirstProgramDescriptor = 511;

struct ListedSyscall {
  SyscallNumbers call;
  Membership membership = Membership::kStandard;
  ArgumentCheck check = ArgumentCheck::kNone;
};

// A call that `syscalls.allow` may not name: "it <reason>".
struct ForbiddenSyscall {
  std::string_view name;  // may be newer than the number table
  std::uint16_t denied_errno;
  std::string_view reason;
};

// A call that is in no base and that a profile may add.
struct AddableSyscall {
  SyscallNumbers call;
};

[[nodiscard]] std::span<const ListedSyscall> listed_syscalls();
// All of SyscallBase::kBrokerOnly; the others are no part of it.
[[nodiscard]] std::span<const ListedSyscall> broker_only_syscalls();
[[nodiscard]] std::span<const ForbiddenSyscall> forbidden_syscalls();
[[nodiscard]] std::span<const AddableSyscall> addable_syscalls();

// Calls that reach objects of the IPC namespace (System V IPC and POSIX queues). A launch without a private IPC
// namespace puts these into `syscalls.deny`: their keys would be shared with the host (facts of ipc_namespaces(7)).
[[nodiscard]] std::span<const std::string_view> ipc_namespace_syscalls();

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_SYSCALL_TABLE_H_
