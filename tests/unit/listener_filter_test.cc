// The listener program and the hole for the command call in the static filter, through the interpreter.
#include "broker/policy/listener_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <catch2/catch.hpp>

#include "broker/policy/bpf_interpreter.h"
#include "broker/policy/seccomp_compiler.h"
#include "tests/unit/seccomp_test_support.h"

namespace writ {
namespace {

constexpr std::uint32_t kOpenFlags = 0x410243;  // O_ACCMODE | O_CREAT | O_TRUNC | __O_TMPFILE

seccomp_data call_of(std::uint32_t number, std::uint32_t arch, std::uint64_t third = 0) {
  seccomp_data call{};
  call.nr = static_cast<int>(number);
  call.arch = arch;
  call.args[2] = third;
  return call;
}

std::uint32_t answer(const BpfProgram& program, const seccomp_data& call) {
  const auto verdict = interpret(program, call);
  REQUIRE(verdict);
  return *verdict;
}

BpfProgram compiled(const std::vector<TrappedCall>& calls, std::uint32_t arch = kNativeAuditArch) {
  auto program = compile_listener_filter(calls, arch);
  if (!program) FAIL(program.error().describe());
  REQUIRE(validate(*program));
  return *program;
}

TEST_CASE("listed calls wait for the broker, all others pass") {
  for (const std::uint32_t arch : {std::uint32_t{AUDIT_ARCH_X86_64}, std::uint32_t{AUDIT_ARCH_AARCH64}}) {
    const BpfProgram program = compiled({{kCommandCall, {}, {}}, {7, {}, {}}, {300, {}, {}}}, arch);
    for (std::uint32_t number = 0; number < 600; ++number) {
      const bool trapped = number == 7 || number == 300;
      CHECK(answer(program, call_of(number, arch)) == (trapped ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW));
    }
    CHECK(answer(program, call_of(kCommandCall, arch)) == SECCOMP_RET_USER_NOTIF);
    // The static filter kills these; here they pass.
    CHECK(answer(program, call_of(7 | kX32Bit, arch)) == SECCOMP_RET_ALLOW);
    CHECK(answer(program, call_of(kCommandCall | kX32Bit, arch)) == SECCOMP_RET_ALLOW);
    CHECK(answer(program, call_of(7, AUDIT_ARCH_I386)) == SECCOMP_RET_ALLOW);
    CHECK(answer(program, call_of(kCommandCall, AUDIT_ARCH_I386)) == SECCOMP_RET_ALLOW);
  }
}

TEST_CASE("conditions look at the low half of an argument") {
  const TrappedCall writing{257, TrapScope::kUnless, {{{2, kOpenFlags, {0}}}}};
  const TrappedCall when{9, TrapScope::kWhen, {{{2, 0xFFFFFFFFu, {3, 5}}}, {{2, 0xF0u, {0x20}}}}};
  const BpfProgram program = compiled({writing, when});
  const auto of = [&](std::uint32_t number, std::uint64_t value) {
    return answer(program, call_of(number, kNativeAuditArch, value)) == SECCOMP_RET_USER_NOTIF;
  };
  CHECK_FALSE(of(257, 0));
  CHECK_FALSE(of(257, 0x80000));  // O_CLOEXEC
  CHECK_FALSE(of(257, 0xFFFFFFFF00000000u));
  CHECK(of(257, 1));
  CHECK(of(257, 0x40));
  CHECK(of(257, 0xFFFFFFFF00000001u));
  CHECK(of(9, 3));
  CHECK(of(9, 5));
  CHECK(of(9, 0xFFFFFFFF00000005u));
  CHECK_FALSE(of(9, 4));
  CHECK(of(9, 0x2F));
  CHECK_FALSE(of(9, 0x3F));
  CHECK_FALSE(of(10, 3));
}

TEST_CASE("long lists of calls and values are within the kernel's jumps") {
  std::vector<TrappedCall> calls;
  std::vector<std::uint32_t> values;
  for (std::uint32_t i = 0; i < 300; ++i) values.push_back(2 * i);
  for (std::uint32_t number = 400; number < 700; ++number) calls.push_back({number, {}, {}});
  calls.push_back({5, TrapScope::kWhen, {{{2, UINT32_MAX, values}}}});
  const BpfProgram program = compiled(calls);
  CHECK(answer(program, call_of(400, kNativeAuditArch)) == SECCOMP_RET_USER_NOTIF);
  CHECK(answer(program, call_of(699, kNativeAuditArch)) == SECCOMP_RET_USER_NOTIF);
  CHECK(answer(program, call_of(700, kNativeAuditArch)) == SECCOMP_RET_ALLOW);
  CHECK(answer(program, call_of(5, kNativeAuditArch, 598)) == SECCOMP_RET_USER_NOTIF);
  CHECK(answer(program, call_of(5, kNativeAuditArch, 597)) == SECCOMP_RET_ALLOW);
}

TEST_CASE("a list that would lock up the launch, or means nothing, is refused") {
  const auto refused = [](std::vector<TrappedCall> calls) { return !compile_listener_filter(calls).has_value(); };
  for (const char* name : {"sendmsg", "close", "seccomp"}) {
    const SyscallNumbers* row = find_syscall_numbers(name);
    const auto number = static_cast<std::uint32_t>(kNativeAuditArch == AUDIT_ARCH_X86_64 ? row->x86_64 : row->aarch64);
    CHECK(refused({{number, {}, {}}}));
  }
  const SyscallNumbers* row = find_syscall_numbers("execveat");
  const auto exec = static_cast<std::uint32_t>(kNativeAuditArch == AUDIT_ARCH_X86_64 ? row->x86_64 : row->aarch64);
  CHECK_FALSE(refused({{exec, {}, {}}}));
  CHECK(refused({{exec, TrapScope::kWhen, {{{4, UINT32_MAX, {0}}}}}}));
  CHECK(refused({{7, {}, {}}, {7, {}, {}}}));
  CHECK(refused({{kX32Bit, {}, {}}}));
  CHECK(refused({{7, TrapScope::kWhen, {}}}));
  CHECK(refused({{7, TrapScope::kAlways, {{{2, UINT32_MAX, {1}}}}}}));
  CHECK(refused({{7, TrapScope::kWhen, {{{6, UINT32_MAX, {1}}}}}}));
  CHECK(refused({{7, TrapScope::kWhen, {{{2, UINT32_MAX, {}}}}}}));
}

TEST_CASE("the static filter with the command call differs in that one number") {
  for (const auto& variant : seccomp_test::shipped_variants()) {
    const SeccompModel model = seccomp_test::model_of(variant);
    const auto program = compile_seccomp_model(model);
    REQUIRE(program);
    const BpfProgram longer = allow_command_call(*program, variant.audit_arch);
    REQUIRE(validate(longer));
    CHECK(kCommandCall > model.newest_known);
    CHECK(answer(*program, call_of(kCommandCall, variant.audit_arch)) == (SECCOMP_RET_ERRNO | 38));
    CHECK(answer(longer, call_of(kCommandCall, variant.audit_arch)) == SECCOMP_RET_ALLOW);
    CHECK(answer(longer, call_of(kCommandCall, AUDIT_ARCH_I386)) == SECCOMP_RET_KILL_PROCESS);
    if (variant.audit_arch == AUDIT_ARCH_X86_64)
      CHECK(answer(longer, call_of(kCommandCall | kX32Bit, variant.audit_arch)) == SECCOMP_RET_KILL_PROCESS);
    bool same = true;
    for (std::uint32_t number = 0; number < 700 && same; ++number)
      for (const std::uint64_t third : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x5412}})
        same = same && answer(*program, call_of(number, variant.audit_arch, third)) ==
                           answer(longer, call_of(number, variant.audit_arch, third));
    for (const std::uint32_t number : {kCommandCall - 1, kCommandCall + 1, 0x80000000u})
      same = same && answer(*program, call_of(number, variant.audit_arch)) ==
                         answer(longer, call_of(number, variant.audit_arch));
    CHECK(same);
  }
}

}  // namespace
}  // namespace writ
