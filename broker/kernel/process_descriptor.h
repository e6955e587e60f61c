// Descriptors of another process: a copy of one (pidfd_getfd(2)), and what its table says about it (proc(5), fdinfo).
//
// A thread id may have been recycled: whoever asks holds SeccompListener::id_valid() before, and asks it again
// afterwards. Needs ptrace access to the process. Any thread.
#ifndef WRIT_BROKER_KERNEL_PROCESS_DESCRIPTOR_H_
#define WRIT_BROKER_KERNEL_PROCESS_DESCRIPTOR_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "broker/base/unique_fd.h"

namespace writ {

// Returns a copy of `thread`'s descriptor `number`: the same open file, close-on-exec, ours. Error: the positive errno;
// EBADF when nothing is open there.
[[nodiscard]] tl::expected<UniqueFd, int> take_descriptor_of(pid_t thread, int number);

// The flags that `thread` has for `number`: O_CLOEXEC for the number, the rest for the open file. Nothing when it is
// not open or may not be looked at.
[[nodiscard]] std::optional<int> descriptor_flags(pid_t thread, int number);

// One epoll instance of a process that watches one of its descriptors, and how.
struct EpollRegistration {
  UniqueFd epoll;  // a copy of the instance
  std::uint32_t events = 0;
  std::uint64_t data = 0;
};

// Reads one line of an epoll instance's fdinfo. Nothing unless it is about the watched descriptor `number`.
struct WatchedEvents {
  std::uint32_t events = 0;
  std::uint64_t data = 0;
};
[[nodiscard]] std::optional<WatchedEvents> watched_events(const std::string& fdinfo_line, int number);

// Finds the epoll instances in the table of `thread` that watch its descriptor `number`. Costs a look at every
// descriptor of the process.
[[nodiscard]] std::vector<EpollRegistration> find_epoll_registrations(pid_t thread, int number);

// Makes the instances watch the borrowed `file` as the descriptor `number` of their process. The kernel takes the
// number from the caller's own table, so this is done by a thread that leaves ours (unshare(2), CLONE_FILES) and then
// ends. Failures are not reported: the process would miss events, and nothing is gained by it.
void restore_epoll_registrations(const std::vector<EpollRegistration>& registrations, int file, int number);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_PROCESS_DESCRIPTOR_H_
