// Pid namespaces (pid_namespaces(7)): starting the first process of one.
#ifndef WRIT_BROKER_KERNEL_PID_NAMESPACE_H_
#define WRIT_BROKER_KERNEL_PID_NAMESPACE_H_

#include <cstdint>

namespace writ {

// Forks the calling, single-threaded process with clone3(2) (clone(2) where clone3 is missing or refused) and the given
// CLONE_NEW… `namespaces`; `pidfd` receives a descriptor of the child in the parent. Signal dispositions and memory are
// copied as by fork(2), but no fork handlers run: the child must not use anything that relies on them (locks, malloc
// arenas of other threads). Returns the child's pid in the parent, 0 in the child, or -errno.
//
// `namespaces` may hold CLONE_PARENT: the child then is one of the caller's own parent, which waits for it.
[[nodiscard]] long fork_into_namespaces(std::uint64_t namespaces, int* pidfd);

// The same without a descriptor of the child.
[[nodiscard]] long fork_without_pidfd(std::uint64_t namespaces);

// The fallback with clone(2), exposed so that tests can force it.
[[nodiscard]] long fork_into_namespaces_without_clone3(std::uint64_t namespaces, int* pidfd);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_PID_NAMESPACE_H_
