#include "broker/policy/seccomp_arguments.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace writ {
namespace {

constexpr std::uint32_t kWhole = 0xFFFFFFFFu;
constexpr std::uint32_t kSetIdBits = S_ISUID | S_ISGID;
constexpr std::uint32_t kTypeMask = 0xF;                        // SOCK_TYPE_MASK of include/linux/net.h
constexpr std::uint32_t kTemporaryFile = 020000000;             // __O_TMPFILE of asm-generic/fcntl.h
constexpr std::uint32_t kMakesFile = O_CREAT | kTemporaryFile;  // WILL_CREATE of include/linux/fs.h
// CLONE_NEWTIME (0x80) is not in the mask: the low byte of clone(2)'s flags is the exit signal, and the time namespace
// cannot be asked for through clone(2) (only clone3 and unshare, which are refused).
constexpr std::uint32_t kNamespaceFlags =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr std::uint32_t kThreadFlags = CLONE_VM | CLONE_THREAD;

ArgumentTest one_of(std::uint8_t argument, std::vector<std::uint32_t> values, std::uint32_t mask = kWhole) {
  std::sort(values.begin(), values.end());
  return {argument, mask, std::move(values)};
}

ArgumentTest bits_clear(std::uint8_t argument, std::uint32_t bits) { return {argument, bits, {0}}; }

ArgumentRule list_rule(std::uint8_t argument, std::span<const NamedValue> list, std::uint16_t denied_errno) {
  ArgumentTest test{argument, kWhole, {}};
  test.values.reserve(list.size());
  for (const NamedValue& entry : list) test.values.push_back(entry.value);
  return {{{std::move(test)}}, denied_errno};
}

ArgumentRule clone_rule(RuleForm form) {
  if (form == RuleForm::kStandard) return {{{bits_clear(0, kNamespaceFlags)}}, EPERM};
  return {{{one_of(0, {kThreadFlags}, kNamespaceFlags | kThreadFlags)}}, EPERM};
}

// Protocols are listed because asking for one loads its module (SCTP, DCCP, UDP-Lite …); ICMP stands for the
// unprivileged echo sockets of ping.
ArgumentRule socket_rule(const ProcessPolicy& process) {
  const std::vector<std::uint32_t> internet = {AF_INET, AF_INET6};
  constexpr std::uint32_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmp6 = 58;
  ArgumentRule rule{{}, EAFNOSUPPORT};
  rule.allow_if.push_back({one_of(0, internet), one_of(1, {SOCK_STREAM}, kTypeMask), one_of(2, {0, kTcp})});
  rule.allow_if.push_back(
      {one_of(0, internet), one_of(1, {SOCK_DGRAM}, kTypeMask), one_of(2, {0, kIcmp, kUdp, kIcmp6})});
  if (process.unix_sockets == UnixSockets::kAllowed) rule.allow_if.push_back({one_of(0, {AF_UNIX})});
  if (process.netlink == NetlinkSockets::kRoute) {
    constexpr std::uint32_t kNetlinkRoute = 0;
    rule.allow_if.push_back(
        {one_of(0, {AF_NETLINK}), one_of(1, {SOCK_RAW, SOCK_DGRAM}, kTypeMask), one_of(2, {kNetlinkRoute})});
  }
  return rule;
}

// A datagram pair could be sent or connected to any socket name in the view (unix(7): only stream and seqpacket pairs
// are fixed to each other; SOCK_RAW is an alias of SOCK_DGRAM there), so it takes the same permission as AF_UNIX
// sockets.
ArgumentRule socket_pair_rule(const ProcessPolicy& process) {
  if (process.unix_sockets == UnixSockets::kAllowed) return {{{one_of(0, {AF_UNIX})}}, EAFNOSUPPORT};
  return {{{one_of(0, {AF_UNIX}), one_of(1, {SOCK_STREAM, SOCK_SEQPACKET}, kTypeMask)}}, EAFNOSUPPORT};
}

// The address itself is a pointer that no filter can look behind; without a length the kernel takes no address
// (move_addr_to_kernel of net/socket.c).
ArgumentRule send_to_rule(RuleForm form) {
  if (form == RuleForm::kStandard) return {};
  return {{{one_of(5, {0})}}, EPERM};
}

ArgumentRule prctl_rule() {
  ArgumentRule rule = list_rule(0, allowed_prctls(), EINVAL);
  rule.allow_if.push_back({one_of(0, {PR_CAP_AMBIENT}),
                           one_of(1, {PR_CAP_AMBIENT_IS_SET, PR_CAP_AMBIENT_LOWER, PR_CAP_AMBIENT_CLEAR_ALL})});
  return rule;
}

ArgumentRule personality_rule() {
  constexpr std::uint32_t kQuery = 0xFFFFFFFFu;
  return {{{one_of(0, {PER_LINUX, ADDR_NO_RANDOMIZE, kQuery})}}, EPERM};
}

// Every flag but NEW_LISTENER and what belongs to it: a program may narrow itself, not supervise.
ArgumentRule seccomp_rule() {
  constexpr std::uint32_t kHarmless = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |
                                      SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
  return {{{one_of(0, {SECCOMP_SET_MODE_STRICT, SECCOMP_GET_ACTION_AVAIL})},
           {one_of(0, {SECCOMP_SET_MODE_FILTER}), bits_clear(1, ~kHarmless)}},
          EPERM};
}

// What is in memory stays what it is: data is not executed, and programs are not written (the segments of the program
// itself are mapped by execve(2)).
ArgumentRule no_executable_memory_rule() { return {{{bits_clear(2, PROT_EXEC)}}, EACCES}; }

ArgumentRule first_program_rule() {
  return {{{one_of(0, {kFirstProgramDescriptor}), one_of(4, {AT_EMPTY_PATH})}}, EPERM};
}

// F_DUPFD is not among them: it chooses numbers.
ArgumentRule seals_rule() {
  constexpr std::uint32_t kAddSeals = 1033, kGetSeals = 1034;  // linux/fcntl.h: F_LINUX_SPECIFIC_BASE + 9, + 10
  return {{{one_of(1, {F_GETFD, F_GETFL, kAddSeals, kGetSeals})}}, EINVAL};
}

// Those that only SyscallBase::kBrokerOnly has.
ArgumentRule broker_only_rule(ArgumentCheck check) {
  if (check == ArgumentCheck::kNoExecutableMemory) return no_executable_memory_rule();
  if (check == ArgumentCheck::kFirstProgram) return first_program_rule();
  if (check == ArgumentCheck::kEmptyPath) return {{{one_of(3, {AT_EMPTY_PATH})}}, EPERM};
  if (check == ArgumentCheck::kSeals) return seals_rule();
  return {{{one_of(0, {0}, 1), one_of(0, {1}, 1)}}, EPERM};  // passes never: not a value of the enumeration
}

ArgumentRule mode_rule(std::uint8_t mode) { return {{{bits_clear(mode, kSetIdBits)}}, EPERM}; }

// Without O_CREAT or O_TMPFILE the mode is not read, and callers leave garbage there.
ArgumentRule open_rule(std::uint8_t flags) {
  const auto mode = static_cast<std::uint8_t>(flags + 1);
  return {{{bits_clear(flags, kMakesFile)}, {bits_clear(mode, kSetIdBits)}}, EPERM};
}

// A zero type means a regular file (mknod(2)); device nodes need a capability that no tool has, and are refused here
// too.
ArgumentRule node_rule(std::uint8_t mode) {
  return {{{one_of(mode, {0, S_IFREG, S_IFIFO, S_IFSOCK}, S_IFMT | kSetIdBits)}}, EPERM};
}

}  // namespace

ArgumentRule argument_rule(ArgumentCheck check, const ProcessPolicy& process, RuleForm form) {
  switch (check) {
    case ArgumentCheck::kNone:
      return {};
    case ArgumentCheck::kClone:
      return clone_rule(form);
    case ArgumentCheck::kSocket:
      return socket_rule(process);
    case ArgumentCheck::kSocketPair:
      return socket_pair_rule(process);
    case ArgumentCheck::kSendTo:
      return send_to_rule(form);
    case ArgumentCheck::kIoctl:
      return list_rule(1, allowed_ioctls(), ENOTTY);
    case ArgumentCheck::kFcntl:
      return list_rule(1, allowed_fcntls(), EINVAL);
    case ArgumentCheck::kPrctl:
      return prctl_rule();
    case ArgumentCheck::kPersonality:
      return personality_rule();
    case ArgumentCheck::kSeccomp:
      return seccomp_rule();
    case ArgumentCheck::kModeArgument1:
      return mode_rule(1);
    case ArgumentCheck::kModeArgument2:
      return mode_rule(2);
    case ArgumentCheck::kOpenArgument1:
      return open_rule(1);
    case ArgumentCheck::kOpenArgument2:
      return open_rule(2);
    case ArgumentCheck::kNodeArgument1:
      return node_rule(1);
    case ArgumentCheck::kNodeArgument2:
      return node_rule(2);
    default:
      return broker_only_rule(check);
  }
}

}  // namespace writ
