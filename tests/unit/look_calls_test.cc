// The table of calls that look: the kernel's numbers, and no path call forgotten.
#include "broker/mediation/look_calls.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string_view>

#include "broker/mediation/mediated_calls.h"
#include "broker/policy/bpf_interpreter.h"
#include "broker/policy/required_rights.h"

namespace writ {
namespace {

TEST_CASE("looks have the numbers of the kernel's own headers") {
  const std::map<std::string_view, long> numbers = {
#ifdef __NR_open
      {"open", __NR_open},
      {"stat", __NR_stat},
      {"lstat", __NR_lstat},
      {"access", __NR_access},
      {"readlink", __NR_readlink},
#endif
      {"openat", __NR_openat},
      {"newfstatat", __NR_newfstatat},
      {"statx", __NR_statx},
      {"faccessat", __NR_faccessat},
      {"faccessat2", __NR_faccessat2},
      {"readlinkat", __NR_readlinkat},
      {"statfs", __NR_statfs},
      {"getxattr", __NR_getxattr},
      {"lgetxattr", __NR_lgetxattr},
      {"listxattr", __NR_listxattr},
      {"llistxattr", __NR_llistxattr},
      {"chdir", __NR_chdir},
      {"inotify_add_watch", __NR_inotify_add_watch},
      {"execve", __NR_execve},
      {"execveat", __NR_execveat},
  };
  for (const auto& [name, number] : numbers) {
    INFO(name);
    const LookCall* row = find_look_call(static_cast<std::int32_t>(number));
    REQUIRE(row != nullptr);
    CHECK(row->call.name == name);
  }
  CHECK(numbers.size() == look_traps(TrapReach::kLooks).size());
  CHECK(find_look_call(__NR_read) == nullptr);
  CHECK(find_look_call(kNotThere) == nullptr);
}

TEST_CASE("a look reads its path, directory and last link where the table of rights says") {
  for (const LookCall& row : look_calls()) {
    const auto arguments = path_arguments_of(row.call.name);
    if (arguments.empty()) continue;  // open, openat and the forms of access: their flags decide about rights
    INFO(row.call.name);
    REQUIRE(arguments.size() == 1);
    CHECK(row.path.path == arguments.front().path);
    CHECK(row.path.directory == arguments.front().directory);
    const FinalLink expected =
        arguments.front().last_link == LastLink::kNotFollowed ? FinalLink::kMeant : FinalLink::kFollowed;
    CHECK(row.path.last_link == expected);
    // inotify_add_watch(2) has no AT_ flags: its IN_DONT_FOLLOW is taken as if the link were followed, which only asks
    // where nothing would be shown.
    if (arguments.front().last_link == LastLink::kByFlag && row.call.name != "inotify_add_watch")
      CHECK(row.flags != kNoArgument);
  }
}

TEST_CASE("every call of the table of rights that only looks is asked about, or it is said why not") {
  const std::map<std::string_view, std::string_view> left_out = {
      {"name_to_handle_at", "does not exist in a sandbox: handles can be opened past every path"},
      {"chroot", "does not exist in a sandbox"},
      {"uselib", "does not exist in a sandbox"},
      {"swapon", "does not exist in a sandbox"},
      {"acct", "does not exist in a sandbox"},
  };
  std::set<std::string_view> looks;
  for (const LookCall& row : look_calls()) CHECK(looks.insert(row.call.name).second);
  std::set<std::string_view> changes;
  for (const MediatedCall& row : mediated_calls()) changes.insert(row.call.name);
  std::size_t seen = 0;
  for (const PathArgument& argument : path_arguments()) {
    INFO(argument.call);
    const bool known = looks.contains(argument.call) || changes.contains(argument.call);
    CHECK(known != left_out.contains(argument.call));
    if (!argument.rights.has(Right::kWrite) && !left_out.contains(argument.call)) {
      CHECK(looks.contains(argument.call));
      ++seen;
    }
  }
  CHECK(seen > 10);
  for (const char* call : {"open", "openat", "access", "faccessat", "faccessat2"}) CHECK(looks.contains(call));
}

TEST_CASE("every look waits, and with changes those as well") {
  const auto waits = [](const BpfProgram& program, std::string_view call, std::uint64_t flags) {
    seccomp_data data{};
    const SyscallNumbers* row = find_syscall_numbers(call);
    data.nr = kNativeAuditArch == AUDIT_ARCH_X86_64 ? row->x86_64 : row->aarch64;
    data.arch = kNativeAuditArch;
    data.args[2] = flags;
    const auto verdict = interpret(program, data);
    REQUIRE(verdict);
    return *verdict == SECCOMP_RET_USER_NOTIF;
  };
  const auto looks = compile_listener_filter(look_traps(TrapReach::kLooks));
  const auto both = compile_listener_filter(look_traps(TrapReach::kChangesToo));
  REQUIRE(looks);
  REQUIRE(both);
  for (const char* call : {"openat", "newfstatat", "statx", "chdir", "execve", "readlinkat", "statfs"}) {
    CHECK(waits(*looks, call, 0));
    CHECK(waits(*both, call, 0));
  }
  for (const char* call : {"mkdirat", "unlinkat", "umask", "fchmod"}) {
    CHECK_FALSE(waits(*looks, call, 0));
    CHECK(waits(*both, call, 0));
  }
  for (const char* call : {"read", "write", "close", "fstat", "getdents64", "fchdir"}) {
    CHECK_FALSE(waits(*looks, call, 0));
    CHECK_FALSE(waits(*both, call, 0));
  }
  CHECK(look_traps(TrapReach::kLooks, AUDIT_ARCH_AARCH64).size() <
        look_traps(TrapReach::kLooks, AUDIT_ARCH_X86_64).size());
  CHECK(compile_listener_filter(look_traps(TrapReach::kChangesToo, AUDIT_ARCH_AARCH64), AUDIT_ARCH_AARCH64));
}

}  // namespace
}  // namespace writ
