#include "broker/kernel/pid_namespace.h"

#include <sched.h>

#include <cerrno>
#include <csignal>

#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {

long fork_into_namespaces_without_clone3(std::uint64_t namespaces, int* pidfd) {
  const auto flags = static_cast<unsigned long>(namespaces) | CLONE_PIDFD | SIGCHLD;
  // clone(2): the parent_tid argument receives the descriptor with CLONE_PIDFD; x86-64 and aarch64 agree on its place.
  return raw_syscall(SYS_clone, flags, nullptr, pidfd, nullptr, nullptr);
}

long fork_into_namespaces(std::uint64_t namespaces, int* pidfd) {
  abi::CloneArguments arguments{};
  arguments.flags = namespaces | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(pidfd);
  // clone(2): with CLONE_PARENT the child gets the caller's own exit signal, and clone3 wants none to be given.
  arguments.exit_signal = (namespaces & CLONE_PARENT) != 0 ? 0 : SIGCHLD;
  const long child = raw_syscall(SYS_clone3, &arguments, sizeof arguments);
  // Filters of containers refuse clone3 as a whole, with either errno, because they cannot see its flags.
  const bool refused = child == -ENOSYS || child == -EPERM;
  return refused ? fork_into_namespaces_without_clone3(namespaces, pidfd) : child;
}

long fork_without_pidfd(std::uint64_t namespaces) {
  return raw_syscall(SYS_clone, static_cast<unsigned long>(namespaces) | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
}

}  // namespace writ
