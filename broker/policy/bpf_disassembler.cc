#include "broker/policy/bpf_disassembler.h"

#include <linux/seccomp.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <string_view>

namespace writ {
namespace {

std::string hex(std::uint32_t value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "0x%x", value);
  return text.data();
}

std::string word_name(std::uint32_t offset) {
  if (offset == offsetof(seccomp_data, nr)) return "number";
  if (offset == offsetof(seccomp_data, arch)) return "architecture";
  constexpr std::uint32_t kArguments = offsetof(seccomp_data, args);
  if (offset < kArguments || offset >= sizeof(seccomp_data)) return "word[" + std::to_string(offset) + "]";
  const std::uint32_t index = (offset - kArguments) / 8;
  return "argument " + std::to_string(index) + ((offset - kArguments) % 8 == 0 ? "" : " high half");
}

struct VerdictName {
  std::uint32_t action;
  std::string_view name;
};
constexpr std::array kVerdicts = {
    VerdictName{SECCOMP_RET_ALLOW, "allow"},
    VerdictName{SECCOMP_RET_KILL_PROCESS, "kill process"},
    VerdictName{SECCOMP_RET_KILL_THREAD, "kill thread"},
    VerdictName{SECCOMP_RET_TRAP, "trap"},
    VerdictName{SECCOMP_RET_USER_NOTIF, "notify"},
    VerdictName{SECCOMP_RET_TRACE, "trace"},
    VerdictName{SECCOMP_RET_LOG, "log"},
};

std::string verdict_name(std::uint32_t verdict) {
  const std::uint32_t action = verdict & SECCOMP_RET_ACTION_FULL;
  if (action == SECCOMP_RET_ERRNO) return "errno " + std::to_string(verdict & SECCOMP_RET_DATA);
  for (const VerdictName& entry : kVerdicts)
    if (entry.action == verdict) return std::string(entry.name);
  return hex(verdict);
}

std::string condition(const sock_filter& step) {
  const std::string operand = BPF_SRC(step.code) == BPF_X ? "X" : hex(step.k);
  switch (BPF_OP(step.code)) {
    case BPF_JEQ:
      return "A == " + operand;
    case BPF_JGE:
      return "A >= " + operand;
    case BPF_JGT:
      return "A > " + operand;
    case BPF_JSET:
      return "A & " + operand;
    default:
      return "?" + operand;
  }
}

std::string text_of(const sock_filter& step, std::size_t at) {
  switch (step.code) {
    case BPF_LD | BPF_W | BPF_ABS:
      return "A = " + word_name(step.k);
    case BPF_ALU | BPF_AND | BPF_K:
      return "A &= " + hex(step.k);
    case BPF_RET | BPF_K:
      return "return " + verdict_name(step.k);
    case BPF_RET | BPF_A:
      return "return A";
    case BPF_JMP | BPF_JA:
      return "goto " + std::to_string(at + 1 + step.k);
    default:
      break;
  }
  if (BPF_CLASS(step.code) == BPF_JMP)
    return "if " + condition(step) + " goto " + std::to_string(at + 1 + step.jt) + " else " +
           std::to_string(at + 1 + step.jf);
  return "operation " + hex(step.code) + " " + hex(step.k);
}

}  // namespace

std::string disassemble(const BpfProgram& program) {
  std::string text;
  for (std::size_t at = 0; at < program.size(); ++at) {
    std::array<char, 32> position{};
    std::snprintf(position.data(), position.size(), "%4zu ", at);
    text.append(position.data()).append(text_of(program[at], at)).append("\n");
  }
  return text;
}

}  // namespace writ
