#include "broker/kernel/broker_confinement.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>

#include "broker/base/unique_fd.h"
#include "broker/kernel/argument_area.h"
#include "broker/kernel/landlock.h"
#include "broker/kernel/raw_syscall.h"
#include "broker/kernel/seccomp_loader.h"
#include "broker/policy/seccomp_compiler.h"

namespace writ {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // the search for leaks at the end traces its own process
#else
constexpr bool kSanitized = false;
#endif

// The first ABI that lets files be moved between directories (Linux 5.19): below it every such move would fail.
constexpr int kLandlockMoveAbi = 2;

Status install(const BpfProgram& program) {
  const sock_fprog kernel = kernel_program(program);
  // LOG: what a broker never does shall be seen by whoever reads the kernel's audit log. TSYNC: every thread.
  constexpr unsigned kFlags = SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC;
  const long result = raw_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, kFlags, &kernel);
  if (result == 0) return {};
  return fail_errno(result < 0 ? static_cast<int>(-result) : ESRCH, "cannot install the broker's system call filter");
}

Status enter_landlock(const BrokerNeeds& needs, BrokerConfinement& done) {
  if (needs.landlock == BrokerLandlock::kReadsTools) done.no_landlock = "calls of the tool wait for the broker";
  if (needs.landlock == BrokerLandlock::kMakesMounts) done.no_landlock = "the broker makes mounts";
  if (needs.landlock != BrokerLandlock::kPossible) return {};
  const int abi = landlock_abi();
  if (abi < kLandlockMoveAbi) {
    done.no_landlock = abi == 0 ? "the kernel has no Landlock" : "the kernel's Landlock is older than ABI 2";
    return {};
  }
  std::vector<UniqueFd> places;
  std::vector<int> borrowed;
  for (const std::string& path : needs.writable) {
    UniqueFd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!place.valid()) continue;
    borrowed.push_back(place.get());
    places.push_back(std::move(place));
  }
  WRIT_ASSIGN(const UniqueFd ruleset, create_broker_ruleset(borrowed, abi));
  if (const long entered = restrict_self_with_landlock(ruleset.get()); entered < 0)
    return fail_errno(static_cast<int>(-entered), "cannot put Landlock in force for the broker");
  done.landlock_abi = abi;
  return {};
}

// Nothing of the broker's memory reaches another process or a file: secrets of the environment above all. A limit of 1
// also keeps the kernel from handing it to a program (core(5): 0 does not, where the pattern is a pipe).
Status keep_memory_private() {
  forget_environment();
  constexpr rlimit kNoCore{1, 1};
  if (::setrlimit(RLIMIT_CORE, &kNoCore) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0)
    return fail_errno(errno, "cannot keep the broker's memory to itself");
  return {};
}

Status enter_seccomp(const BrokerNeeds& needs, BrokerConfinement& done) {
  if (kSanitized) {
    done.no_seccomp = "this build has a sanitizer";
    return {};
  }
  WRIT_ASSIGN(const SeccompModel model, broker_syscall_model(needs.calls));
  WRIT_ASSIGN(const BpfProgram program, compile_seccomp_model(model));
  WRIT_TRY(install(program));
  done.seccomp_instructions = program.size();
  return {};
}

}  // namespace

Result<BrokerConfinement> confine_broker(const BrokerNeeds& needs) {
  BrokerConfinement done;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno(errno, "cannot set no_new_privs");
  WRIT_TRY(keep_memory_private());
  WRIT_TRY(limit_broker_capabilities(needs.stage));
  done.capabilities = held_capabilities();
  WRIT_TRY(enter_landlock(needs, done));
  WRIT_TRY(enter_seccomp(needs, done));
  return done;
}

Status confine_helper() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno(errno, "cannot set no_new_privs");
  if (kSanitized) return {};
  WRIT_ASSIGN(const BpfProgram program, compile_never_called_filter());
  return install(program);
}

}  // namespace writ
