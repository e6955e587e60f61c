// What the broker may ask the kernel about the caller of a trapped call. Every function here looks at a process by its
// number, so each holds only together with ID_VALID afterwards (notification_loop.h). Any thread.
#ifndef WRIT_BROKER_MEDIATION_CALLER_H_
#define WRIT_BROKER_MEDIATION_CALLER_H_

#include <sys/types.h>

#include <string>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

// A link of /proc/THREAD (`exe`, `cwd`): a path as the caller's own view has it. Empty when the caller is gone.
[[nodiscard]] std::string caller_link(pid_t thread, const char* name);

// The process that `thread` is one of. Errors: it is gone.
[[nodiscard]] Result<UniqueFd> open_caller(pid_t thread);

// A copy of descriptor `number` of the process; invalid when it has none (EBADF). Errors: it may not be taken.
[[nodiscard]] Result<UniqueFd> take_descriptor(int process, int number);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_CALLER_H_
