#include "broker/mediation/mediated_calls.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>

#include "broker/mediation/denial_log.h"
#include "broker/mediation/write_shields.h"
#include "broker/policy/bpf_interpreter.h"

namespace writ {
namespace {

bool waits(const BpfProgram& program, std::string_view call, std::initializer_list<std::uint64_t> arguments) {
  seccomp_data data{};
  const SyscallNumbers* row = find_syscall_numbers(call);
  data.nr = kNativeAuditArch == AUDIT_ARCH_X86_64 ? row->x86_64 : row->aarch64;
  data.arch = kNativeAuditArch;
  std::size_t index = 0;
  for (const std::uint64_t argument : arguments) data.args[index++] = argument;
  const auto verdict = interpret(program, data);
  REQUIRE(verdict);
  return *verdict == SECCOMP_RET_USER_NOTIF;
}

TEST_CASE("reading runs natively, and everything that changes something waits") {
  const auto program = compile_listener_filter(mediated_traps());
  REQUIRE(program);
  constexpr std::uint64_t kHigh = std::uint64_t{1} << 40;  // the kernel does not look at the upper half of flags
  CHECK_FALSE(waits(*program, "openat", {0, 0, O_RDONLY}));
  CHECK_FALSE(waits(*program, "openat", {0, 0, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | kHigh}));
  for (const int flags : {O_WRONLY, O_RDWR, O_ACCMODE, O_CREAT, O_TRUNC, O_TMPFILE})
    CHECK(waits(*program, "openat", {0, 0, static_cast<std::uint64_t>(flags) | kHigh}));
  CHECK_FALSE(waits(*program, "faccessat2", {0, 0, R_OK | X_OK, 0}));
  CHECK(waits(*program, "faccessat2", {0, 0, W_OK, 0}));
  CHECK(waits(*program, "faccessat2", {0, 0, R_OK | W_OK, 0}));
  for (const char* call : {"mkdirat", "unlinkat", "renameat2", "linkat", "symlinkat", "fchmodat", "fchmod", "fchownat",
                           "utimensat", "setxattr", "truncate", "mknodat", "umask"})
    CHECK(waits(*program, call, {}));
  for (const char* call : {"read", "write", "newfstatat", "execve", "execveat", "readlinkat", "ftruncate", "close"})
    CHECK_FALSE(waits(*program, call, {}));
}

TEST_CASE("every call that names something to change is in the table") {
  std::set<std::string_view> names;
  for (const MediatedCall& row : mediated_calls()) CHECK(names.insert(row.call.name).second);
  for (const char* call :
       {"open",    "openat",    "creat",     "truncate",  "mkdir",     "mkdirat",   "mknod",       "mknodat",
        "unlink",  "rmdir",     "unlinkat",  "rename",    "renameat",  "renameat2", "link",        "linkat",
        "symlink", "symlinkat", "chmod",     "fchmodat",  "fchmodat2", "chown",     "lchown",      "fchownat",
        "utime",   "utimes",    "futimesat", "utimensat", "setxattr",  "lsetxattr", "removexattr", "lremovexattr"})
    CHECK(names.contains(call));
  // On the other architecture the filter compiles as well, and with fewer calls: the old ones do not exist there.
  CHECK(mediated_traps(AUDIT_ARCH_AARCH64).size() < mediated_traps(AUDIT_ARCH_X86_64).size());
  CHECK(compile_listener_filter(mediated_traps(AUDIT_ARCH_AARCH64), AUDIT_ARCH_AARCH64));
}

Profile workspace_profile() {
  Profile profile;
  PathGrant grant;
  grant.path = "/ws";
  grant.access = PathAccess::kWrite;
  profile.filesystem.grants.push_back(grant);
  profile.filesystem.protect = {".envrc", ".git/hooks", ".config/git"};
  return profile;
}

TEST_CASE("what lies above a protected name is known") {
  const AccessPolicy policy = AccessPolicy::compile(workspace_profile());
  const WriteShields shields(policy, {"/ws/vendor/lib"}, {"/ws/env/dev.rc"});
  CHECK(shields.beneath("/ws/.git") == "/ws/.git/hooks");
  CHECK(shields.beneath("/ws/.config") == "/ws/.config/git");
  CHECK(shields.beneath("/ws/vendor") == "/ws/vendor/lib");
  CHECK_FALSE(shields.beneath("/ws").empty());
  CHECK(shields.beneath("/ws/.git/hooks").empty());
  CHECK(shields.beneath("/ws/.gi").empty());
  CHECK(shields.beneath("/ws/.gitx").empty());
  CHECK(shields.beneath("/ws/.envrc").empty());
  CHECK(shields.alias_of("/ws/env/dev.rc/x") == "/ws/env/dev.rc");
  CHECK(shields.alias_of("/ws/env").empty());
  CHECK(shields.beneath("/ws/env") == "/ws/env/dev.rc");
}

TEST_CASE("denials are counted once for each thing, in a bounded list") {
  DenialLog log;
  int observed = 0;
  log.set_observer([&](const DeniedAccess&) { ++observed; });
  for (int i = 0; i < 3; ++i)
    log.add({"/ws/.envrc", {Right::kWrite}, DecisionCause::kProtected, "rule", "", "sh", "", 0});
  REQUIRE(log.denials().size() == 1);
  CHECK(log.denials().front().times == 3);
  for (std::size_t i = 0; i < kDenialLimit + 10; ++i)
    log.add({"/ws/" + std::to_string(i), {Right::kWrite}, DecisionCause::kNothing, "", "", "sh", "", 0});
  CHECK(log.denials().size() == kDenialLimit);
  CHECK(log.not_listed() == 11);
  CHECK(observed == 3 + static_cast<int>(kDenialLimit) + 10);
}

}  // namespace
}  // namespace writ
