#include "broker/policy/bpf_interpreter.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <random>

#include "broker/kernel/seccomp_loader.h"
#include "broker/policy/bpf_disassembler.h"

namespace writ {
namespace {

constexpr sock_filter load(std::uint32_t offset) { return {BPF_LD | BPF_W | BPF_ABS, 0, 0, offset}; }
constexpr sock_filter step(int code, std::uint32_t k = 0) { return {static_cast<std::uint16_t>(code), 0, 0, k}; }
constexpr sock_filter jump(int test, std::uint32_t k, std::uint8_t yes, std::uint8_t no) {
  return {static_cast<std::uint16_t>(BPF_JMP | test), yes, no, k};
}
constexpr sock_filter kReturnA = {BPF_RET | BPF_A, 0, 0, 0};
constexpr sock_filter kReturnZero = {BPF_RET | BPF_K, 0, 0, 0};

std::uint32_t run(const BpfProgram& program, const seccomp_data& call = {}) {
  const Result<std::uint32_t> verdict = interpret(program, call);
  if (!verdict) FAIL(verdict.error().describe());
  return *verdict;
}

bool refused(const BpfProgram& program) {
  return !validate(program).has_value() && !interpret(program, {}).has_value();
}

TEST_CASE("loads read the words of the call", "[bpf]") {
  seccomp_data call{};
  call.nr = 7;
  call.arch = 8;
  call.instruction_pointer = 0x1111111122222222;
  call.args[0] = 0x3333333344444444;
  call.args[5] = 0x5555555566666666;
  CHECK(run({load(0), kReturnA}, call) == 7);
  CHECK(run({load(4), kReturnA}, call) == 8);
  CHECK(run({load(8), kReturnA}, call) == 0x22222222);
  CHECK(run({load(12), kReturnA}, call) == 0x11111111);
  CHECK(run({load(16), kReturnA}, call) == 0x44444444);
  CHECK(run({load(60), kReturnA}, call) == 0x55555555);
  CHECK(run({step(BPF_LD | BPF_W | BPF_LEN), kReturnA}, call) == 64);
  CHECK(refused({load(64), kReturnA}));
  CHECK(refused({load(2), kReturnA}));
  CHECK(refused({load(UINT32_MAX - 3), kReturnA}));
}

TEST_CASE("arithmetic is 32 bits wide", "[bpf]") {
  const auto compute = [](int operation, std::uint32_t a, std::uint32_t k) {
    const std::uint32_t with_k = run({step(BPF_LD | BPF_IMM, a), step(BPF_ALU | operation | BPF_K, k), kReturnA});
    CHECK(run({step(BPF_LDX | BPF_IMM, k), step(BPF_LD | BPF_IMM, a), step(BPF_ALU | operation | BPF_X), kReturnA}) ==
          with_k);
    return with_k;
  };
  CHECK(compute(BPF_ADD, UINT32_MAX, 2) == 1);
  CHECK(compute(BPF_SUB, 1, 2) == UINT32_MAX);
  CHECK(compute(BPF_MUL, 0x10001, 0x10001) == 0x20001);
  CHECK(compute(BPF_DIV, 7, 2) == 3);
  CHECK(compute(BPF_AND, 0xFF, 0x0F) == 0x0F);
  CHECK(compute(BPF_OR, 0xF0, 0x0F) == 0xFF);
  CHECK(compute(BPF_XOR, 0xFF, 0x0F) == 0xF0);
  CHECK(compute(BPF_LSH, 1, 31) == 0x80000000);
  CHECK(compute(BPF_RSH, 0x80000000, 31) == 1);
  CHECK(run({step(BPF_LD | BPF_IMM, 1), step(BPF_ALU | BPF_NEG), kReturnA}) == UINT32_MAX);
}

TEST_CASE("jumps go forward and stay inside", "[bpf]") {
  const auto taken = [](int test, std::uint32_t a, std::uint32_t k) {
    const BpfProgram program = {step(BPF_LD | BPF_IMM, a), jump(test | BPF_K, k, 0, 1), step(BPF_RET | BPF_K, 1),
                                kReturnZero};
    BpfProgram with_x = program;
    with_x.insert(with_x.begin(), step(BPF_LDX | BPF_IMM, k));
    with_x[2] = jump(test | BPF_X, 0, 0, 1);
    CHECK(run(with_x) == run(program));
    return run(program) == 1;
  };
  CHECK(taken(BPF_JEQ, 5, 5));
  CHECK_FALSE(taken(BPF_JEQ, 5, 6));
  CHECK(taken(BPF_JGE, 5, 5));
  CHECK_FALSE(taken(BPF_JGE, 4, 5));
  CHECK(taken(BPF_JGT, 6, 5));
  CHECK_FALSE(taken(BPF_JGT, 5, 5));
  CHECK(taken(BPF_JSET, 6, 2));
  CHECK_FALSE(taken(BPF_JSET, 5, 2));
  CHECK(run({step(BPF_JMP | BPF_JA, 1), kReturnZero, step(BPF_RET | BPF_K, 9)}) == 9);
  CHECK(refused({step(BPF_JMP | BPF_JA, 1), kReturnZero}));
  CHECK(refused({step(BPF_JMP | BPF_JA, UINT32_MAX), kReturnZero}));
  CHECK(refused({jump(BPF_JEQ | BPF_K, 0, 1, 0), kReturnZero}));
  CHECK(refused({jump(BPF_JEQ | BPF_K, 0, 0, 255), kReturnZero}));
  CHECK(refused({kReturnZero, jump(BPF_JEQ | BPF_K, 0, 0, 0)}));
}

TEST_CASE("scratch cells must be written before they are read", "[bpf]") {
  CHECK(run({step(BPF_LD | BPF_IMM, 5), step(BPF_ST, 15), step(BPF_LD | BPF_IMM, 0), step(BPF_LD | BPF_MEM, 15),
             kReturnA}) == 5);
  CHECK(run({step(BPF_LDX | BPF_IMM, 6), step(BPF_STX, 0), step(BPF_LDX | BPF_MEM, 0), step(BPF_MISC | BPF_TXA),
             kReturnA}) == 6);
  CHECK_FALSE(interpret({step(BPF_LD | BPF_MEM, 3), kReturnA}, {}).has_value());
  CHECK(refused({step(BPF_ST, 16), kReturnZero}));
  CHECK(refused({step(BPF_LD | BPF_MEM, 16), kReturnZero}));
}

TEST_CASE("programs that the kernel refuses are refused", "[bpf]") {
  CHECK(refused({}));
  CHECK(refused(BpfProgram(kBpfInstructionLimit + 1, kReturnZero)));
  CHECK_FALSE(refused(BpfProgram(kBpfInstructionLimit, kReturnZero)));
  CHECK(refused({load(0)}));
  CHECK(refused({step(BPF_LD | BPF_IMM, 1), step(BPF_ALU | BPF_DIV | BPF_K, 0), kReturnA}));
  CHECK(refused({step(BPF_ALU | BPF_LSH | BPF_K, 32), kReturnA}));
  CHECK(refused({step(BPF_ALU | BPF_MOD | BPF_K, 2), kReturnA}));
  CHECK(refused({step(BPF_LD | BPF_B | BPF_ABS, 0), kReturnA}));
  CHECK(refused({step(BPF_LD | BPF_W | BPF_IND, 0), kReturnA}));
  CHECK(refused({step(0xFFFF), kReturnZero}));
  CHECK_FALSE(interpret({step(BPF_LDX | BPF_IMM, 0), step(BPF_ALU | BPF_DIV | BPF_X), kReturnA}, {}).has_value());
}

// Loads `program` in a child that then ends; the kernel must not kill it for its own exit.
bool kernel_accepts(const BpfProgram& program) {
  const sock_fprog kernel = kernel_program(program);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(2);
    ::_exit(install_seccomp_filter(kernel) == 0 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) != 2);
  return WEXITSTATUS(status) == 0;
}

TEST_CASE("the kernel and validate() refuse the same programs", "[bpf]") {
  std::mt19937 random(7);
  const auto below = [&](std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random);
  };
  std::size_t accepted = 0;
  for (int i = 0; i < 1500; ++i) {
    // Two steps that do nothing bad if run: every path ends in "allow", so the child can leave.
    BpfProgram program;
    program.push_back({static_cast<std::uint16_t>(below(0x100)), static_cast<std::uint8_t>(below(4)),
                       static_cast<std::uint8_t>(below(4)),
                       below(3) == 0 ? static_cast<std::uint32_t>(random()) : below(72)});
    if (BPF_CLASS(program[0].code) == BPF_RET) continue;
    // Reading a cell that was never written is a load-time error for the kernel and a run-time error for the
    // interpreter.
    if (program[0].code == (BPF_LD | BPF_MEM) || program[0].code == (BPF_LDX | BPF_MEM)) continue;
    // A division by X makes the kernel answer 0, which would kill the child.
    if (program[0].code == (BPF_ALU | BPF_DIV | BPF_X)) continue;
    for (int j = 0; j < 2; ++j) program.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW});
    INFO(disassemble(program));
    const bool valid = validate(program).has_value();
    REQUIRE(kernel_accepts(program) == valid);
    accepted += valid ? 1 : 0;
  }
  CHECK(accepted > 10);
}

TEST_CASE("a program reads as text", "[bpf]") {
  const std::string text =
      disassemble({load(4), jump(BPF_JEQ | BPF_K, 0xC000003E, 1, 0), step(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                   load(24), step(BPF_ALU | BPF_AND | BPF_K, 15), step(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 38),
                   step(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)});
  CHECK(text ==
        "   0 A = architecture\n   1 if A == 0xc000003e goto 3 else 2\n   2 return kill process\n   3 A = argument 1\n"
        "   4 A &= 0xf\n   5 return errno 38\n   6 return allow\n");
}

}  // namespace
}  // namespace writ
