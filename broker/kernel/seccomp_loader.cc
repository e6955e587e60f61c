#include "broker/kernel/seccomp_loader.h"

#include <linux/seccomp.h>

#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {

sock_fprog kernel_program(const BpfProgram& program) {
  sock_fprog kernel{};
  kernel.len = static_cast<unsigned short>(program.size());
  // The kernel's structure lacks a const that the kernel keeps: it only copies from there.
  kernel.filter = const_cast<sock_filter*>(program.data());
  return kernel;
}

long install_seccomp_filter(const sock_fprog& program) {
  return raw_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

long install_seccomp_listener(const sock_fprog& program) {
  constexpr unsigned kFlags = abi::kSeccompNewListener | abi::kSeccompWaitKillableReceive;
  return raw_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, kFlags, &program);
}

}  // namespace writ
