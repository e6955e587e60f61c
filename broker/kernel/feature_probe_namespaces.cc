#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "broker/kernel/feature_probe.h"

// Everything here runs in a forked child that leaves by _exit: descriptors are left to the end of the process.
namespace writ {
namespace {

constexpr ProbeReport kSuccess{};

bool failed(const ProbeReport& report) { return report.state == FeatureState::kUnavailable; }

bool write_text(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const std::size_t length = std::strlen(text);
  return ::write(fd, text, length) == static_cast<ssize_t>(length);
}

ProbeReport enter_user_namespace(const ProbeContext& context) {
  if (::unshare(CLONE_NEWUSER) != 0) return probe_failed("make a user namespace");
  // user_namespaces(7): an unprivileged gid_map needs setgroups denied first.
  if (!write_text("/proc/self/setgroups", "deny")) return probe_failed("deny setgroups in the user namespace");
  if (!write_text("/proc/self/uid_map", context.uid_map.data()))
    return probe_failed("map the user in the user namespace");
  if (!write_text("/proc/self/gid_map", context.gid_map.data()))
    return probe_failed("map the group in the user namespace");
  return kSuccess;
}

// Runs `body` as the first process of a new pid namespace, with a mount namespace of its own; its exit code is an
// errno, 0 for success.
ProbeReport run_as_init(const ProbeContext& context, int (*body)(), const char* step) {
  const ProbeReport entered = enter_namespaces(context, CLONE_NEWPID | CLONE_NEWNS);
  if (failed(entered)) return entered;
  const pid_t init = ::fork();
  if (init < 0) return probe_failed("start a process in the pid namespace");
  if (init == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::_exit(body());
  }
  int status = 0;
  if (::waitpid(init, &status, 0) != init) return probe_failed("wait for the process in the pid namespace");
  if (!WIFEXITED(status)) return {.state = FeatureState::kUnavailable, .system_errno = 0, .value = 0, .step = step};
  errno = WEXITSTATUS(status);
  return errno == 0 ? kSuccess : probe_failed(step);
}

int check_first_pid() { return ::getpid() == 1 ? 0 : ESRCH; }

int mount_own_proc() {
  const int configuration = ::fsopen("proc", FSOPEN_CLOEXEC);
  if (configuration < 0) return errno;
  if (::fsconfig(configuration, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return errno;
  // The kernel compares with the /proc that is visible here ("mount too revealing") at fsmount already: the detached
  // mount proves it, and is gone with the descriptor.
  const int mount = ::fsmount(configuration, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  return mount < 0 ? errno : 0;
}

bool bring_loopback_up() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", sizeof "lo");
  request.ifr_flags = IFF_UP;
  return ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

}  // namespace

ProbeReport enter_namespaces(const ProbeContext& context, int flags) {
  if (context.privilege == Privilege::kOrdinary) {
    const ProbeReport entered = enter_user_namespace(context);
    if (failed(entered)) return entered;
  }
  return ::unshare(flags) == 0 ? kSuccess : probe_failed("make the namespace");
}

ProbeReport probe_user_namespace(const ProbeContext& context) {
  const ProbeReport entered = enter_user_namespace(context);
  if (failed(entered)) return entered;
  // Some hosts let everybody make one and then withhold its capabilities: use one of them.
  if (::unshare(CLONE_NEWNS) != 0) return probe_failed("make a mount namespace inside the user namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return probe_failed("use a capability inside the user namespace");
  return kSuccess;
}

ProbeReport probe_pid_namespace(const ProbeContext& context) {
  return run_as_init(context, check_first_pid, "be the first process of a pid namespace");
}

ProbeReport probe_proc_mount(const ProbeContext& context) {
  return run_as_init(context, mount_own_proc, "mount a /proc of its own");
}

ProbeReport probe_network_namespace(const ProbeContext& context) {
  const ProbeReport entered = enter_namespaces(context, CLONE_NEWNET);
  if (failed(entered)) return entered;
  return bring_loopback_up() ? kSuccess : probe_failed("bring up the loopback interface");
}

ProbeReport probe_ipc_namespace(const ProbeContext& context) {
  const ProbeReport entered = enter_namespaces(context, CLONE_NEWIPC);
  if (failed(entered)) return entered;
  // A segment of a namespace that ends with this process is destroyed with it.
  if (::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600) < 0) return probe_failed("make shared memory in the namespace");
  return kSuccess;
}

ProbeReport probe_uts_namespace(const ProbeContext& context) {
  const ProbeReport entered = enter_namespaces(context, CLONE_NEWUTS);
  if (failed(entered)) return entered;
  if (::sethostname("writ", 4) != 0) return probe_failed("set the host name in the namespace");
  return kSuccess;
}

ProbeReport probe_cgroup_namespace(const ProbeContext& context) { return enter_namespaces(context, CLONE_NEWCGROUP); }

}  // namespace writ
