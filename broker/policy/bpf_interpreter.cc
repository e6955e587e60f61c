#include "broker/policy/bpf_interpreter.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>

namespace writ {
namespace {

constexpr std::size_t kScratchCells = BPF_MEMWORDS;
constexpr std::uint32_t kShiftLimit = 32;

tl::unexpected<Error> broken(std::size_t at, std::string_view why) {
  return fail("BPF instruction " + std::to_string(at) + ": " + std::string(why));
}

bool jumps_inside(const sock_filter& step, std::size_t at, std::size_t size) {
  if (step.code == (BPF_JMP | BPF_JA)) return step.k < size - at - 1;
  return std::size_t{step.jt} < size - at - 1 && std::size_t{step.jf} < size - at - 1;
}

Status validate_load(const sock_filter& step, std::size_t at) {
  if (step.k % sizeof(std::uint32_t) != 0) return broken(at, "misaligned load");
  if (step.k >= sizeof(seccomp_data)) return broken(at, "load outside the system call's data");
  return {};
}

Status validate_scratch(const sock_filter& step, std::size_t at) {
  if (step.k >= kScratchCells) return broken(at, "there is no such scratch cell");
  return {};
}

// Operations that have no operand to check.
constexpr std::array<std::uint16_t, 24> kHarmless = {
    BPF_LD | BPF_W | BPF_LEN,  BPF_LDX | BPF_W | BPF_LEN, BPF_LD | BPF_IMM,          BPF_LDX | BPF_IMM,
    BPF_MISC | BPF_TAX,        BPF_MISC | BPF_TXA,        BPF_RET | BPF_K,           BPF_RET | BPF_A,
    BPF_ALU | BPF_ADD | BPF_K, BPF_ALU | BPF_ADD | BPF_X, BPF_ALU | BPF_SUB | BPF_K, BPF_ALU | BPF_SUB | BPF_X,
    BPF_ALU | BPF_MUL | BPF_K, BPF_ALU | BPF_MUL | BPF_X, BPF_ALU | BPF_DIV | BPF_X, BPF_ALU | BPF_AND | BPF_K,
    BPF_ALU | BPF_AND | BPF_X, BPF_ALU | BPF_OR | BPF_K,  BPF_ALU | BPF_OR | BPF_X,  BPF_ALU | BPF_XOR | BPF_K,
    BPF_ALU | BPF_XOR | BPF_X, BPF_ALU | BPF_LSH | BPF_X, BPF_ALU | BPF_RSH | BPF_X, BPF_ALU | BPF_NEG};

bool is_harmless(std::uint16_t code) { return std::find(kHarmless.begin(), kHarmless.end(), code) != kHarmless.end(); }

// The operations of seccomp_check_filter(), kernel/seccomp.c; everything else is unknown.
Status validate_step(const BpfProgram& program, std::size_t at) {
  const sock_filter& step = program[at];
  switch (step.code) {
    case BPF_LD | BPF_W | BPF_ABS:
      return validate_load(step, at);
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
      return validate_scratch(step, at);
    case BPF_ALU | BPF_DIV | BPF_K:
      if (step.k == 0) return broken(at, "division by zero");
      return {};
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K:
      if (step.k >= kShiftLimit) return broken(at, "shift by 32 or more");
      return {};
    case BPF_JMP | BPF_JA:
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JEQ | BPF_X:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_X:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_X:
    case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_X:
      if (!jumps_inside(step, at, program.size())) return broken(at, "jump past the end");
      return {};
    default:
      if (!is_harmless(step.code)) return broken(at, "unknown operation");
      return {};
  }
}

// The registers of one run.
struct Machine {
  std::uint32_t a = 0;
  std::uint32_t x = 0;
  std::array<std::uint32_t, kScratchCells> scratch;  // a cell is read only after its bit in `written` is set
  std::uint32_t written = 0;
};

std::uint32_t word_at(const seccomp_data& call, std::uint32_t offset) {
  std::uint32_t word = 0;
  std::memcpy(&word, reinterpret_cast<const char*>(&call) + offset, sizeof(word));
  return word;
}

enum class StepResult : std::uint8_t { kDone, kBroken };

// Constants, scratch cells and moves.
StepResult move_step(Machine& m, const sock_filter& step) {
  const std::uint32_t cell = step.k % kScratchCells;
  switch (step.code) {
    case BPF_LD | BPF_W | BPF_LEN:
      m.a = sizeof(seccomp_data);
      return StepResult::kDone;
    case BPF_LDX | BPF_W | BPF_LEN:
      m.x = sizeof(seccomp_data);
      return StepResult::kDone;
    case BPF_LD | BPF_IMM:
      m.a = step.k;
      return StepResult::kDone;
    case BPF_LDX | BPF_IMM:
      m.x = step.k;
      return StepResult::kDone;
    case BPF_MISC | BPF_TAX:
      m.x = m.a;
      return StepResult::kDone;
    case BPF_MISC | BPF_TXA:
      m.a = m.x;
      return StepResult::kDone;
    default:
      break;
  }
  if (BPF_CLASS(step.code) == BPF_ST || BPF_CLASS(step.code) == BPF_STX) {
    m.scratch[cell] = BPF_CLASS(step.code) == BPF_ST ? m.a : m.x;
    m.written |= 1u << cell;
    return StepResult::kDone;
  }
  if ((m.written & (1u << cell)) == 0) return StepResult::kBroken;
  (BPF_CLASS(step.code) == BPF_LD ? m.a : m.x) = m.scratch[cell];
  return StepResult::kDone;
}

// Arithmetic. Shift counts in X are taken modulo 32, as the kernel's 32-bit eBPF shifts do.
StepResult compute_step(Machine& m, const sock_filter& step) {
  const std::uint32_t operand = BPF_SRC(step.code) == BPF_X ? m.x : step.k;
  switch (BPF_OP(step.code)) {
    case BPF_ADD:
      m.a += operand;
      break;
    case BPF_SUB:
      m.a -= operand;
      break;
    case BPF_MUL:
      m.a *= operand;
      break;
    case BPF_DIV:
      if (operand == 0) return StepResult::kBroken;
      m.a /= operand;
      break;
    case BPF_AND:
      m.a &= operand;
      break;
    case BPF_OR:
      m.a |= operand;
      break;
    case BPF_XOR:
      m.a ^= operand;
      break;
    case BPF_LSH:
      m.a <<= operand % kShiftLimit;
      break;
    case BPF_RSH:
      m.a >>= operand % kShiftLimit;
      break;
    case BPF_NEG:
      m.a = 0u - m.a;
      break;
    default:
      return StepResult::kBroken;
  }
  return StepResult::kDone;
}

bool holds(const Machine& m, const sock_filter& step) {
  const std::uint32_t operand = BPF_SRC(step.code) == BPF_X ? m.x : step.k;
  switch (BPF_OP(step.code)) {
    case BPF_JEQ:
      return m.a == operand;
    case BPF_JGE:
      return m.a >= operand;
    case BPF_JGT:
      return m.a > operand;
    default:
      return (m.a & operand) != 0;  // BPF_JSET: validate() lets no other operation through
  }
}

}  // namespace

Status validate(const BpfProgram& program) {
  if (program.empty()) return fail("the BPF program is empty");
  if (program.size() > kBpfInstructionLimit) return fail("the BPF program is longer than 4096 instructions");
  for (std::size_t at = 0; at < program.size(); ++at) WRIT_TRY(validate_step(program, at));
  if (BPF_CLASS(program.back().code) != BPF_RET)
    return broken(program.size() - 1, "the program does not end in a return");
  return {};
}

Result<ValidatedProgram> ValidatedProgram::make(const BpfProgram& program) {
  WRIT_TRY(validate(program));
  return ValidatedProgram(program);
}

// The operations that filters are made of come first and alone: every launch runs some thousand of these.
std::uint64_t ValidatedProgram::run(const seccomp_data& call) const {
  Machine machine;
  for (const sock_filter* step = program_->data();; ++step) {
    switch (step->code) {
      case BPF_LD | BPF_W | BPF_ABS:
        machine.a = word_at(call, step->k);
        continue;
      case BPF_ALU | BPF_AND | BPF_K:
        machine.a &= step->k;
        continue;
      case BPF_JMP | BPF_JGE | BPF_K:
        step += machine.a >= step->k ? step->jt : step->jf;
        continue;
      case BPF_JMP | BPF_JEQ | BPF_K:
        step += machine.a == step->k ? step->jt : step->jf;
        continue;
      case BPF_JMP | BPF_JSET | BPF_K:
        step += (machine.a & step->k) != 0 ? step->jt : step->jf;
        continue;
      case BPF_JMP | BPF_JA:
        step += step->k;
        continue;
      case BPF_RET | BPF_K:
        return step->k;
      case BPF_RET | BPF_A:
        return machine.a;
      default:
        break;
    }
    if (BPF_CLASS(step->code) == BPF_JMP) {
      step += holds(machine, *step) ? step->jt : step->jf;
      continue;
    }
    const bool computes = BPF_CLASS(step->code) == BPF_ALU;
    const StepResult result = computes ? compute_step(machine, *step) : move_step(machine, *step);
    if (result == StepResult::kBroken) return kBroken;
  }
}

Result<std::uint32_t> interpret(const BpfProgram& program, const seccomp_data& call) {
  WRIT_ASSIGN(const ValidatedProgram validated, ValidatedProgram::make(program));
  const std::uint64_t verdict = validated.run(call);
  if (verdict == ValidatedProgram::kBroken)
    return fail("the BPF program divides by zero or reads a scratch cell that it never wrote");
  return static_cast<std::uint32_t>(verdict);
}

}  // namespace writ
