#include "broker/policy/broker_syscalls.h"

#include <linux/sched.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include "broker/policy/bpf_assembler.h"
#include "broker/policy/seccomp_arguments.h"
#include "broker/policy/syscall_table.h"

namespace writ {
namespace {

// Numbers, not macros: Debian 12's headers lack some. Compared with the kernel's header in the unit test.
constexpr std::array<std::uint32_t, 6> kListenerIoctls = {0xC0502100, 0xC0182101, 0x40082102,
                                                          0x80082102, 0x40182103, 0x40082104};
constexpr std::uint32_t kSignalForeground = 0x40045436;  // TIOCSIG, on the master of the sandbox's own terminal

// What `standard` gives to programs and a broker has no use for once it is set up.
constexpr auto kNotForBrokers = std::to_array<std::string_view>({
    // Other programs, other processes: helpers were forked before.
    "execve",
    "execveat",
    "fork",
    "vfork",
    "personality",
    // Identities and capabilities: what is left was chosen.
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "capset",
    // Objects that outlive the process, and interfaces it never used.
    "shmget",
    "shmat",
    "shmdt",
    "shmctl",
    "semget",
    "semop",
    "semtimedop",
    "semctl",
    "msgget",
    "msgsnd",
    "msgrcv",
    "msgctl",
    "mq_open",
    "mq_unlink",
    "mq_timedsend",
    "mq_timedreceive",
    "mq_notify",
    "mq_getsetattr",
    "io_setup",
    "io_destroy",
    "io_submit",
    "io_cancel",
    "io_getevents",
    "io_pgetevents",
    "pkey_mprotect",
    "map_shadow_stack",
    "mbind",
    "set_mempolicy",
    "mlockall",
    "setpriority",
    "ioprio_set",
    "sched_setscheduler",
    "sched_setattr",
    "sched_setparam",
});
constexpr auto kActingAsTools = std::to_array<std::string_view>({"setgroups", "setfsuid", "setfsgid"});
constexpr auto kSocketCalls = std::to_array<std::string_view>(
    {"socket", "connect", "bind", "listen", "accept", "accept4", "sendmmsg", "recvmmsg"});
constexpr auto kRulesets = std::to_array<std::string_view>({"landlock_create_ruleset", "landlock_add_rule"});

// What no program gets and a broker does: paths beneath a descriptor, memory and descriptors of a tool whose call
// waits.
constexpr auto kOnlyForBrokers = std::to_array<SyscallNumbers>({
    numbers_of("openat2"),
    numbers_of("process_vm_readv"),
    numbers_of("pidfd_getfd"),
    numbers_of("unshare"),
});
constexpr auto kMountCalls = std::to_array<SyscallNumbers>({
    numbers_of("open_tree"),
    numbers_of("move_mount"),
    numbers_of("fsopen"),
    numbers_of("fsconfig"),
    numbers_of("fsmount"),
    numbers_of("mount_setattr"),
    numbers_of("mount"),
    numbers_of("umount2"),
});

template <std::size_t N>
bool is_in(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

ArgumentRule values_rule(std::uint8_t argument, std::vector<std::uint32_t> values, std::uint16_t denied_errno) {
  std::sort(values.begin(), values.end());
  return {{{ArgumentTest{argument, UINT32_MAX, std::move(values)}}}, denied_errno};
}

// Terminals, its own above all, and the listener. TIOCSTI is in neither list: what is in the broker must not type.
ArgumentRule ioctl_rule() {
  std::vector<std::uint32_t> values(kListenerIoctls.begin(), kListenerIoctls.end());
  for (const NamedValue& entry : allowed_ioctls()) values.push_back(entry.value);
  values.push_back(kSignalForeground);
  return values_rule(1, std::move(values), ENOTTY);
}

ArgumentRule no_executable_memory() {
  constexpr std::uint32_t kExecutable = 4;  // PROT_EXEC
  return {{{ArgumentTest{2, kExecutable, {0}}}}, EACCES};
}

// A table of descriptors of a thread's own (restore_epoll_registrations), and the mount namespace in which views are
// assembled before Linux 6.15.
ArgumentRule unshare_rule(const BrokerSyscallNeeds& needs) {
  std::vector<std::uint32_t> values = {CLONE_FILES};
  if (needs.sandboxes == BrokerSandboxes::kMore) values.push_back(CLONE_NEWNS);
  return values_rule(0, std::move(values), EPERM);
}

ArgumentRule tcp_socket_rule() {
  constexpr std::uint32_t kInternet = 2, kInternet6 = 10, kStream = 1, kTypeMask = 0xF, kTcp = 6;  // socket(2)
  return {{{ArgumentTest{0, UINT32_MAX, {kInternet, kInternet6}}, ArgumentTest{1, kTypeMask, {kStream}},
            ArgumentTest{2, UINT32_MAX, {0, kTcp}}}},
          EAFNOSUPPORT};
}

class BrokerModel {
 public:
  explicit BrokerModel(const BrokerSyscallNeeds& needs) : needs_(needs) {}

  Result<SeccompModel> build(std::uint32_t audit_arch) {
    if (audit_arch != AUDIT_ARCH_X86_64 && audit_arch != AUDIT_ARCH_AARCH64)
      return fail("system call filters exist for x86-64 and aarch64 only");
    model_.audit_arch = audit_arch;
    model_.newest_known = kNewestReviewedNumber;
    model_.rules.reserve(slots_.size());
    for (const ListedSyscall& entry : listed_syscalls())
      if (is_needed(entry.call.name)) take(entry.call, rule_for(entry));
    for (const SyscallNumbers& call : kOnlyForBrokers)
      take(call, call.name == "unshare" ? unshare_rule(needs_) : ArgumentRule());
    if (needs_.sandboxes == BrokerSandboxes::kMore)
      for (const SyscallNumbers& call : kMountCalls) take(call, {});
    collect();
    // The library looks for ENOSYS in order to start a thread with clone(2), whose flags a filter can see.
    model_.refusals = {{435, ENOSYS}};
    WRIT_TRY(validate_model(model_));
    return std::move(model_);
  }

 private:
  [[nodiscard]] bool is_needed(std::string_view name) const {
    if (is_in(kNotForBrokers, name)) return false;
    if (needs_.files == BrokerFiles::kOwn && is_in(kActingAsTools, name)) return false;
    if (needs_.sockets == BrokerSockets::kNone && is_in(kSocketCalls, name)) return false;
    return needs_.sandboxes == BrokerSandboxes::kMore || !is_in(kRulesets, name);
  }

  [[nodiscard]] static ArgumentRule rule_for(const ListedSyscall& entry) {
    const std::string_view name = entry.call.name;
    if (name == "ioctl") return ioctl_rule();
    if (name == "mmap" || name == "mprotect") return no_executable_memory();
    if (name == "socket") return tcp_socket_rule();
    // Questions to the kernel: filters and listeners are others' business.
    if (name == "seccomp") return values_rule(0, {SECCOMP_GET_ACTION_AVAIL, SECCOMP_GET_NOTIF_SIZES}, EPERM);
    // Threads, and a destination only where the socket has one already.
    const bool strict = name == "clone" || name == "sendto";
    return argument_rule(entry.check, {}, strict ? RuleForm::kStrict : RuleForm::kStandard);
  }

  void take(const SyscallNumbers& call, ArgumentRule rule) {
    const std::int16_t number = model_.audit_arch == AUDIT_ARCH_X86_64 ? call.x86_64 : call.aarch64;
    if (number == kNotThere) return;
    slots_[static_cast<std::size_t>(number)] = static_cast<std::int16_t>(taken_.size());
    taken_.push_back({static_cast<std::uint32_t>(number), call.name, std::move(rule.allow_if), rule.denied_errno});
  }

  // In the order of their numbers, without sorting.
  void collect() {
    for (const std::int16_t slot : slots_)
      if (slot >= 0) model_.rules.push_back(std::move(taken_[static_cast<std::size_t>(slot)]));
  }

  const BrokerSyscallNeeds& needs_;
  std::array<std::int16_t, kNewestReviewedNumber + 1> slots_ = filled();
  std::vector<SyscallRule> taken_;
  SeccompModel model_;

  static std::array<std::int16_t, kNewestReviewedNumber + 1> filled() {
    std::array<std::int16_t, kNewestReviewedNumber + 1> slots{};
    slots.fill(-1);
    return slots;
  }
};

// Forbidden to every tool, and yet used by init, by a nested run or by its broker.
constexpr auto kUsedByWrit = std::to_array<std::string_view>({
    "process_vm_readv",
    "pidfd_getfd",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "mount_setattr",
    "unshare",
    "setns",
    "clone3",
    "openat2",
    "sethostname",
});

}  // namespace

Result<SeccompModel> broker_syscall_model(const BrokerSyscallNeeds& needs, std::uint32_t audit_arch) {
  return BrokerModel(needs).build(audit_arch);
}

std::vector<std::string_view> never_called_syscalls() {
  std::vector<std::string_view> names;
  for (const ForbiddenSyscall& entry : forbidden_syscalls())
    if (!is_in(kUsedByWrit, entry.name) && find_syscall_numbers(entry.name) != nullptr) names.push_back(entry.name);
  std::sort(names.begin(), names.end());
  return names;
}

Result<BpfProgram> compile_never_called_filter(std::uint32_t audit_arch) {
  if (audit_arch != AUDIT_ARCH_X86_64 && audit_arch != AUDIT_ARCH_AARCH64)
    return fail("system call filters exist for x86-64 and aarch64 only");
  BackwardAssembler out;
  const auto allowed = out.return_value(SECCOMP_RET_ALLOW);
  auto next = allowed;
  for (const std::string_view name : never_called_syscalls()) {
    const SyscallNumbers& call = *find_syscall_numbers(name);
    const std::int16_t number = audit_arch == AUDIT_ARCH_X86_64 ? call.x86_64 : call.aarch64;
    if (number == kNotThere) continue;
    const auto refused = out.return_value(SECCOMP_RET_ERRNO | EPERM);
    next = out.jump_if(BPF_JEQ, static_cast<std::uint32_t>(number), refused, next);
  }
  // The same calls have other numbers there, and nothing of Writ's is built for it.
  const auto killed = out.return_value(SECCOMP_RET_KILL_PROCESS);
  if (audit_arch == AUDIT_ARCH_X86_64) next = out.jump_if(BPF_JGE, kX32Bit, killed, next);
  next = out.load(offsetof(seccomp_data, nr), next);
  next = out.jump_if(BPF_JEQ, audit_arch, next, killed);
  return out.finish(out.load(offsetof(seccomp_data, arch), next));
}

}  // namespace writ
