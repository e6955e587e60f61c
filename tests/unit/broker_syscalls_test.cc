// What the broker may still call, as model and as program, and what its helpers may never call.
#include "broker/policy/broker_syscalls.h"

#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "broker/kernel/kernel_abi.h"
#include "broker/policy/bpf_interpreter.h"
#include "broker/policy/command_call.h"
#include "broker/policy/seccomp_check.h"
#include "broker/policy/seccomp_compiler.h"
#include "broker/policy/syscall_table.h"
#include "broker/sandbox/init_filter.h"

namespace writ {
namespace {

constexpr std::array kArchitectures = {std::uint32_t{AUDIT_ARCH_X86_64}, std::uint32_t{AUDIT_ARCH_AARCH64}};

std::vector<BrokerSyscallNeeds> every_need() {
  std::vector<BrokerSyscallNeeds> all;
  for (const auto sandboxes : {BrokerSandboxes::kNoMore, BrokerSandboxes::kMore})
    for (const auto sockets : {BrokerSockets::kNone, BrokerSockets::kInternet})
      for (const auto files : {BrokerFiles::kOwn, BrokerFiles::kToolsToo}) all.push_back({sandboxes, sockets, files});
  return all;
}

SeccompModel model_of(const BrokerSyscallNeeds& needs, std::uint32_t arch = kNativeAuditArch) {
  auto model = broker_syscall_model(needs, arch);
  if (!model) FAIL(model.error().describe());
  return std::move(*model);
}

bool allows(const SeccompModel& model, std::string_view name, std::array<std::uint64_t, 3> arguments = {}) {
  const SyscallNumbers* numbers = find_syscall_numbers(name);
  REQUIRE(numbers != nullptr);
  seccomp_data call{};
  call.nr = model.audit_arch == AUDIT_ARCH_X86_64 ? numbers->x86_64 : numbers->aarch64;
  call.arch = model.audit_arch;
  std::copy(arguments.begin(), arguments.end(), call.args);
  return evaluate(model, call) == SECCOMP_RET_ALLOW;
}

}  // namespace

TEST_CASE("broker filter: every form compiles to a program that is its model") {
  for (const std::uint32_t arch : kArchitectures)
    for (const BrokerSyscallNeeds& needs : every_need()) {
      const SeccompModel model = model_of(needs, arch);
      const auto program = compile_seccomp_model(model);
      REQUIRE(program);
      const Status checked = check_program_against_model(*program, model, ProbeDepth::kThorough);
      CHECK(checked.has_value());
    }
  CHECK_FALSE(broker_syscall_model({}, AUDIT_ARCH_I386));
}

TEST_CASE("broker filter: no form starts programs, traces, or takes power over the kernel") {
  for (const BrokerSyscallNeeds& needs : every_need()) {
    const SeccompModel model = model_of(needs);
    for (const char* name :
         {"execve", "execveat",        "fork",           "vfork",       "ptrace", "process_vm_writev", "bpf",
          "setns",  "perf_event_open", "io_uring_setup", "userfaultfd", "keyctl", "kexec_load",        "init_module",
          "setuid", "setresuid",       "capset",         "personality", "chroot", "pivot_root",        "clone3"})
      CHECK_FALSE(allows(model, name));
    for (const std::string_view name : never_called_syscalls()) CHECK_FALSE(allows(model, name));
  }
}

TEST_CASE("broker filter: what depends on the need") {
  const SeccompModel least = model_of({});
  const SeccompModel serving = model_of({BrokerSandboxes::kMore, BrokerSockets::kNone, BrokerFiles::kOwn});
  const SeccompModel connecting = model_of({BrokerSandboxes::kNoMore, BrokerSockets::kInternet, BrokerFiles::kOwn});
  const SeccompModel acting = model_of({BrokerSandboxes::kNoMore, BrokerSockets::kNone, BrokerFiles::kToolsToo});
  for (const char* name : {"mount", "open_tree", "move_mount", "mount_setattr", "fsopen", "landlock_create_ruleset"}) {
    CHECK_FALSE(allows(least, name));
    CHECK(allows(serving, name));
  }
  for (const char* name : {"connect", "bind", "listen", "accept4"}) {
    CHECK_FALSE(allows(least, name));
    CHECK(allows(connecting, name));
  }
  CHECK_FALSE(allows(least, "setfsuid"));
  CHECK(allows(acting, "setfsuid"));
  CHECK(allows(connecting, "socket", {AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0}));
  CHECK_FALSE(allows(connecting, "socket", {AF_INET, SOCK_DGRAM, 0}));
  CHECK_FALSE(allows(connecting, "socket", {AF_UNIX, SOCK_STREAM, 0}));
}

TEST_CASE("broker filter: arguments") {
  const SeccompModel model = model_of({});
  CHECK(allows(model, "mmap", {0, 4096, PROT_READ | PROT_WRITE}));
  CHECK_FALSE(allows(model, "mmap", {0, 4096, PROT_READ | PROT_EXEC}));
  CHECK_FALSE(allows(model, "mprotect", {0, 4096, PROT_EXEC}));
  CHECK(allows(model, "clone", {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD}));
  CHECK_FALSE(allows(model, "clone", {17}));
  CHECK(allows(model, "unshare", {CLONE_FILES}));
  CHECK_FALSE(allows(model, "unshare", {CLONE_NEWNS}));
  CHECK_FALSE(allows(model, "unshare", {CLONE_FILES | CLONE_NEWUSER}));
  CHECK_FALSE(allows(model, "ioctl", {0, 0x5412}));  // TIOCSTI
  for (const unsigned long number :
       {abi::kSeccompNotifyReceive, abi::kSeccompNotifySend, abi::kSeccompNotifyIdValid,
        abi::kSeccompNotifyIdValidWrongWay, abi::kSeccompNotifyAddDescriptor, abi::kSeccompNotifySetFlags})
    CHECK(allows(model, "ioctl", {0, number}));
  CHECK_FALSE(allows(model, "prctl", {4, 1}));  // PR_SET_DUMPABLE
}

TEST_CASE("helpers: the list of refusals is refused, and nothing that Writ or a tool may call is in it") {
  const auto names = never_called_syscalls();
  CHECK(names.size() >= 40);
  for (const ListedSyscall& listed : listed_syscalls())
    CHECK_FALSE(std::binary_search(names.begin(), names.end(), listed.call.name));
  for (const AddableSyscall& addable : addable_syscalls())
    CHECK_FALSE(std::binary_search(names.begin(), names.end(), addable.call.name));
  for (const std::uint32_t arch : kArchitectures) {
    const auto program = compile_never_called_filter(arch);
    REQUIRE(program);
    REQUIRE(validate(*program));
    std::size_t refused = 0;
    for (std::uint32_t number = 0; number < 600; ++number) {
      seccomp_data call{};
      call.nr = static_cast<int>(number);
      call.arch = arch;
      const std::uint32_t verdict = *interpret(*program, call);
      const bool never = std::any_of(names.begin(), names.end(), [&](std::string_view name) {
        const SyscallNumbers& known = *find_syscall_numbers(name);
        const std::int16_t there = arch == AUDIT_ARCH_X86_64 ? known.x86_64 : known.aarch64;
        return there == static_cast<std::int16_t>(number);
      });
      CHECK(verdict == (never ? (SECCOMP_RET_ERRNO | 1u) : SECCOMP_RET_ALLOW));
      refused += never ? 1 : 0;
    }
    CHECK(refused >= 35);
    seccomp_data command{};
    command.nr = static_cast<int>(kCommandCall);
    command.arch = arch;
    CHECK(*interpret(*program, command) == SECCOMP_RET_ALLOW);  // of a nested run's tool
    command.arch = AUDIT_ARCH_I386;
    CHECK(*interpret(*program, command) == SECCOMP_RET_KILL_PROCESS);
  }
}

TEST_CASE("init: what stays is little, and starts nothing") {
  const auto calls = supervising_calls();
  CHECK(calls.size() <= 20);
  for (const long never : {long{SYS_execve}, long{SYS_clone}, long{SYS_mount}, long{SYS_setns}, long{SYS_ptrace},
                           long{SYS_socket}, long{SYS_mmap}, long{SYS_write}})
    CHECK(std::find(calls.begin(), calls.end(), never) == calls.end());
}

}  // namespace writ
