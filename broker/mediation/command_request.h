// CommandRequest: what a stand-in asks for, copied out of it once. Everything is the broker's own copy: rewriting the
// arguments afterwards changes nothing. Any thread.
#ifndef WRIT_BROKER_MEDIATION_COMMAND_REQUEST_H_
#define WRIT_BROKER_MEDIATION_COMMAND_REQUEST_H_

#include <string>
#include <vector>

#include "broker/base/unique_fd.h"
#include "broker/kernel/process_memory.h"
#include "broker/kernel/seccomp_notify.h"
#include "broker/mediation/notification_handler.h"

namespace writ {

// As much as a command line of the shell ever has; execve(2) itself allows more.
inline constexpr TextArrayLimits kCommandArgumentLimits{16384, std::size_t{512} << 10};

struct CommandRequest final : CallCopy {
  std::vector<std::string> argv;  // not empty
  std::string executable;         // what the caller executes, as its view names it: says which program is asked for
  std::string working_directory;  // absolute, in the caller's view
  UniqueFd caller;                // pidfd
  pid_t thread = 0;               // for messages: the number may be another's by the time
};

// Errors (MemoryProblem): of reading the arguments; kGone also for a caller that cannot be held.
[[nodiscard]] MemoryResult<std::unique_ptr<CommandRequest>> read_command_request(const Notification& call);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_COMMAND_REQUEST_H_
