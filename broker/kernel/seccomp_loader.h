// The one step of seccomp that happens in the sandboxed process itself.
#ifndef WRIT_BROKER_KERNEL_SECCOMP_LOADER_H_
#define WRIT_BROKER_KERNEL_SECCOMP_LOADER_H_

#include <linux/filter.h>

#include "broker/policy/bpf_program.h"

namespace writ {

// Returns the kernel's form of `program`, which must outlive the result. At most kBpfInstructionLimit instructions,
// which compile_seccomp_model() guarantees.
[[nodiscard]] sock_fprog kernel_program(const BpfProgram& program);

// Installs `program` on the calling thread: seccomp(SECCOMP_SET_MODE_FILTER, 0). One raw system call: no allocation, no
// errno, no locks; for use between clone and exec of a single-threaded process (another thread would stay unfiltered).
// no_new_privs must be set. Returns 0 or -errno: -EACCES without no_new_privs, -EINVAL for a program that the kernel
// refuses or a kernel without filters, -ENOMEM beyond the total of 32768 instructions (seccomp(2); Linux 3.17).
// No flag is given: SPEC_ALLOW would take away a protection, and a listener is not wanted.
[[nodiscard]] long install_seccomp_filter(const sock_fprog& program);

// The same with a listener for the calls that `program` answers with SECCOMP_RET_USER_NOTIF (seccomp_notify.h). Returns
// the listener, close-on-exec, or -errno; -EBUSY: a filter of this process has a listener already; -EINVAL also: a
// kernel before 5.19, which lacks WAIT_KILLABLE_RECV. There is no second try without that flag: without it a signal
// makes a call that was received start over with a new id, and what the broker did for it would be done twice.
[[nodiscard]] long install_seccomp_listener(const sock_fprog& program);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_SECCOMP_LOADER_H_
