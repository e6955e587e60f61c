#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "broker/kernel/feature_probe.h"

// Everything here runs in a forked child that leaves by _exit: what it restricts, it restricts for itself alone.
namespace writ {
namespace {

constexpr ProbeReport kSuccess{};
constexpr std::uint32_t kLandlockErrata = 1u << 1;  // LANDLOCK_CREATE_RULESET_ERRATA, kernel 6.15
constexpr int kLandlockScopes = 6;                  // first ABI that scopes signals and abstract sockets
constexpr int kProbeErrno = EXDEV;                  // an errno that getppid(2) never has by itself

ProbeReport found_nothing(const char* step) {
  return {.state = FeatureState::kUnavailable, .system_errno = 0, .value = 0, .step = step};
}

long landlock_query(std::uint32_t flag) { return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, flag); }

bool forbid_new_privileges() {
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

// Forbids this process to write any file, and checks that it can no longer open one for writing.
ProbeReport enforce_landlock() {
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = LANDLOCK_ACCESS_FS_WRITE_FILE;
  const long ruleset = ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0);
  if (ruleset < 0) return probe_failed("make a Landlock ruleset");
  if (!forbid_new_privileges()) return probe_failed("set no_new_privs");
  if (::syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) return probe_failed("enforce a Landlock ruleset");
  if (::open("/dev/null", O_WRONLY | O_CLOEXEC) >= 0) return found_nothing("Landlock let a forbidden write pass");
  return errno == EACCES ? kSuccess : probe_failed("see Landlock refuse a write");
}

// A filter under which getppid(2) fails with kProbeErrno and everything else works.
bool install_probe_filter() {
  std::array<sock_filter, 4> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | kProbeErrno),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog description{.len = program.size(), .filter = program.data()};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &description) == 0;
}

}  // namespace

ProbeReport probe_landlock(const ProbeContext&) {
  const long abi = landlock_query(LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 0) return probe_failed("ask for the Landlock version");
  ProbeReport report = enforce_landlock();
  if (report.state == FeatureState::kUnavailable) return report;
  report.value = static_cast<std::int32_t>(abi);
  if (abi < kLandlockScopes) {
    report.state = FeatureState::kDegraded;
    report.step = "no scopes for signals and abstract sockets (kernel before 6.12): namespaces alone keep those in";
  }
  return report;
}

ProbeReport probe_landlock_errata(const ProbeContext&) {
  const long errata = landlock_query(kLandlockErrata);
  if (errata < 0) return probe_failed("ask for the Landlock errata");
  ProbeReport report;
  report.value = static_cast<std::int32_t>(errata);
  return report;
}

ProbeReport probe_seccomp(const ProbeContext&) {
  if (!forbid_new_privileges()) return probe_failed("set no_new_privs");
  if (!install_probe_filter()) return probe_failed("install a system call filter");
  errno = 0;
  if (::syscall(SYS_getppid) != -1) return found_nothing("the filter let a refused call pass");
  return errno == kProbeErrno ? kSuccess : probe_failed("see the filter's errno");
}

ProbeReport probe_no_new_privileges(const ProbeContext&) {
  return forbid_new_privileges() ? kSuccess : probe_failed("set no_new_privs");
}

ProbeReport probe_clone3(const ProbeContext&) {
  int pidfd = -1;
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  const long child = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child < 0) return probe_failed("start a process with clone3");
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0) return probe_failed("wait for a pidfd");
  return kSuccess;
}

ProbeReport probe_close_range(const ProbeContext&) {
  const int fd = ::dup(STDERR_FILENO) >= 0 ? ::dup(STDERR_FILENO) : ::open("/", O_PATH | O_CLOEXEC);
  if (fd < 0) return probe_failed("open a descriptor");
  const auto number = static_cast<unsigned>(fd);
  if (::close_range(number, number, 0) != 0) return probe_failed("close a range of descriptors");
  // EBADF is the proof: the number was ours alone, nothing else runs in this process.
  return ::fcntl(fd, F_GETFD) == -1 && errno == EBADF ? kSuccess : found_nothing("the descriptor stayed open");
}

ProbeReport probe_pidfd(const ProbeContext&) {
  const long pidfd = ::syscall(SYS_pidfd_open, ::getpid(), 0);
  if (pidfd < 0) return probe_failed("open a pidfd");
  if (::syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0) != 0) return probe_failed("send a signal by pidfd");
  return kSuccess;
}

ProbeReport probe_openat2(const ProbeContext&) {
  const int directory = ::open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return probe_failed("open /usr");
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  if (::syscall(SYS_openat2, directory, ".", &how, sizeof how) < 0) return probe_failed("open with openat2");
  if (::syscall(SYS_openat2, directory, "..", &how, sizeof how) >= 0) return found_nothing("openat2 climbed out");
  return errno == EXDEV ? kSuccess : probe_failed("see openat2 refuse to climb out");
}

}  // namespace writ
