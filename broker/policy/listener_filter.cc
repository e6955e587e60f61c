#include "broker/policy/listener_filter.h"

#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "broker/policy/bpf_assembler.h"

namespace writ {
namespace {

using Label = BackwardAssembler::Label;

constexpr std::uint32_t low_half_of_argument(std::uint8_t argument) {
  // Both supported architectures are little-endian: the low half comes first.
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t));
}

Label write_test(BackwardAssembler& out, const ArgumentTest& test, Label pass, Label failed) {
  Label next = failed;
  for (auto value = test.values.rbegin(); value != test.values.rend(); ++value)
    next = out.jump_if(BPF_JEQ, *value, pass, next);
  if (test.mask != UINT32_MAX) next = out.mask(test.mask, next);
  return out.load(low_half_of_argument(test.argument), next);
}

// "When" and "unless" differ only in which verdict a passing conjunction leads to.
Label write_call(BackwardAssembler& out, const TrappedCall& call) {
  if (call.scope == TrapScope::kAlways) return out.return_value(SECCOMP_RET_USER_NOTIF);
  const bool when = call.scope == TrapScope::kWhen;
  Label next = out.return_value(when ? SECCOMP_RET_ALLOW : SECCOMP_RET_USER_NOTIF);
  for (auto tests = call.conjunctions.rbegin(); tests != call.conjunctions.rend(); ++tests) {
    Label pass = out.return_value(when ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW);
    for (auto test = tests->rbegin(); test != tests->rend(); ++test) pass = write_test(out, *test, pass, next);
    next = pass;
  }
  return next;
}

Status check_tests(const TrappedCall& call) {
  if ((call.scope == TrapScope::kAlways) != call.conjunctions.empty())
    return fail("listener filter: number " + std::to_string(call.number) + " has half of a condition");
  for (const ArgumentConjunction& tests : call.conjunctions)
    for (const ArgumentTest& test : tests)
      if (test.argument > 5 || test.values.empty())
        return fail("listener filter: number " + std::to_string(call.number) + " has a test that means nothing");
  return {};
}

bool is_call(const TrappedCall& call, std::string_view name, std::uint32_t audit_arch) {
  const SyscallNumbers* row = find_syscall_numbers(name);
  if (row == nullptr) return false;
  const std::int16_t number = audit_arch == AUDIT_ARCH_X86_64 ? row->x86_64 : row->aarch64;
  return call.number == static_cast<std::uint32_t>(number);
}

// True when the filter lets pass a sendmsg with the flags that the hand-over uses (init_channel.cc).
bool lets_hand_over_pass(const TrappedCall& call) {
  constexpr std::uint8_t kFlags = 2;
  constexpr std::uint32_t kHandOverFlags = 0x4000;  // MSG_NOSIGNAL
  const auto excludes = [](const ArgumentTest& test) {
    const bool passes =
        std::find(test.values.begin(), test.values.end(), kHandOverFlags & test.mask) != test.values.end();
    return test.argument == kFlags && !passes;
  };
  return call.scope == TrapScope::kWhen &&
         std::all_of(call.conjunctions.begin(), call.conjunctions.end(), [&](const ArgumentConjunction& tests) {
           return std::any_of(tests.begin(), tests.end(), excludes);
         });
}

Status check_set_up(const TrappedCall& call, std::uint32_t audit_arch) {
  for (const std::string_view name : {"sendmsg", "close", "seccomp"}) {
    if (!is_call(call, name, audit_arch) || (name == "sendmsg" && lets_hand_over_pass(call))) continue;
    return fail("listener filter: " + std::string(name) +
                " cannot wait for the broker: it is part of handing the listener over");
  }
  if (call.scope != TrapScope::kAlways && is_call(call, "execveat", audit_arch))
    return fail("listener filter: execveat waits for the broker always or never");
  return {};
}

Status check_calls(const std::vector<TrappedCall>& calls, std::uint32_t audit_arch) {
  for (const TrappedCall& call : calls) {
    if (call.number >= kX32Bit) return fail("listener filter: a number reaches the x32 bit");
    WRIT_TRY(check_set_up(call, audit_arch));
    if (std::count_if(calls.begin(), calls.end(), [&](const auto& other) { return other.number == call.number; }) != 1)
      return fail("listener filter: number " + std::to_string(call.number) + " appears twice");
    WRIT_TRY(check_tests(call));
  }
  return {};
}

}  // namespace

Result<BpfProgram> compile_listener_filter(const std::vector<TrappedCall>& calls, std::uint32_t audit_arch) {
  if (audit_arch != AUDIT_ARCH_X86_64 && audit_arch != AUDIT_ARCH_AARCH64)
    return fail("listener filters exist for x86-64 and aarch64 only");
  WRIT_TRY(check_calls(calls, audit_arch));
  BackwardAssembler out;
  Label next = out.return_value(SECCOMP_RET_ALLOW);
  for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
    const Label trapped = write_call(out, *call);
    next = out.jump_if(BPF_JEQ, call->number, trapped, next);
  }
  next = out.load(offsetof(seccomp_data, nr), next);
  next = out.jump_if(BPF_JEQ, audit_arch, next, out.return_value(SECCOMP_RET_ALLOW));
  BpfProgram program = out.finish(out.load(offsetof(seccomp_data, arch), next));
  if (program.size() > kBpfInstructionLimit) return fail("the listener filter is longer than the kernel takes");
  return program;
}

BpfProgram allow_command_call(const BpfProgram& program, std::uint32_t audit_arch) {
  // In front, so that the program behind it stays the very one that was compared with libseccomp's.
  BpfProgram longer = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, audit_arch, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kCommandCall, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  longer.insert(longer.end(), program.begin(), program.end());
  return longer;
}

}  // namespace writ
