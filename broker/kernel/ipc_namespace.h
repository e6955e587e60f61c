// ipc namespaces (ipc_namespaces(7)): System V IPC objects and POSIX message queues of the sandbox's own.
#ifndef WRIT_BROKER_KERNEL_IPC_NAMESPACE_H_
#define WRIT_BROKER_KERNEL_IPC_NAMESPACE_H_

namespace writ {

// Gives the calling process a namespace of its own of this kind. Raw; returns 0 or -errno.
[[nodiscard]] long enter_ipc_namespace();

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_IPC_NAMESPACE_H_
