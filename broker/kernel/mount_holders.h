// Who still holds something of a mount: what is left of a grant after its names were taken away.
//
// No flag of the kernel takes back what a process holds: a working directory, an open descriptor, a mapping. They can
// only be named, and ended with their process. proc(5), statx(2) STATX_MNT_ID (Linux 5.8).
//
// Needs ptrace access to the processes. Blocks for as long as reading /proc takes. Any thread; a fork copies nothing
// but descriptors.
#ifndef WRIT_BROKER_KERNEL_MOUNT_HOLDERS_H_
#define WRIT_BROKER_KERNEL_MOUNT_HOLDERS_H_

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "broker/base/unique_fd.h"

namespace writ {

// The number and device of a mount, as a process sees the place where it is attached.
struct MountIdentity {
  std::uint64_t number = 0;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
};

// The mount that is topmost at the absolute `place` in the view of the processes below `init`. Error: the positive
// errno; ESRCH: there are none.
[[nodiscard]] tl::expected<MountIdentity, int> mount_seen_below(pid_t init, std::string_view place);

enum class HeldAs : std::uint8_t { kWorkingDirectory, kRootDirectory, kProgram, kDescriptor, kMapping };
inline constexpr std::array<std::string_view, 5> kHeldAsNames = {"working directory", "root directory", "program",
                                                                 "descriptor", "mapping"};

struct MountHolder {
  pid_t process = 0;    // as the host counts
  std::string program;  // its name (comm), raw bytes
  HeldAs as = HeldAs::kDescriptor;
  int descriptor = -1;  // kDescriptor only
};

// What was found. `processes` has one descriptor (pidfd) for each process that holds something, so that the very
// process can be ended, whatever becomes of its number.
struct MountHolders {
  std::vector<MountHolder> holders;
  std::vector<UniqueFd> processes;
  std::size_t looked_at = 0;     // processes
  std::size_t not_examined = 0;  // processes that could not be looked at as a whole
};

// Looks at every process below `init`, threads one by one. A process that starts meanwhile is looked at too; one that
// hands a descriptor to another while it is looked at can escape. The kernel tells the mount of a mapping only to
// CAP_CHECKPOINT_RESTORE of the host, which the broker has not: a mapping counts when it is of a file of the device
// that has no name in the view of its process. That can be one mapping too many, never one too few.
[[nodiscard]] MountHolders find_mount_holders(pid_t init, const MountIdentity& mount);

// Ends them (SIGKILL). Returns how many were sent the signal; one that was gone by itself counts as well.
[[nodiscard]] std::size_t end_holders(const MountHolders& found);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_MOUNT_HOLDERS_H_
