// The process behind CommandLauncher: receives requests, starts runs. It has no policy and reads none.
#ifndef WRIT_BROKER_MEDIATION_COMMAND_LAUNCHER_PROCESS_H_
#define WRIT_BROKER_MEDIATION_COMMAND_LAUNCHER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>

namespace writ {

// Broker → launcher, with four descriptors: a sealed memory file with the argument vector (each word with its NUL), and
// the streams 0, 1 and 2. An empty file: the streams are only to be closed.
struct LaunchCommandMessage {
  std::uint64_t request = 0;
};
inline constexpr int kLaunchDescriptors = 4;

// Launcher → broker, with the new process's pidfd unless `error` is set.
struct CommandStartedMessage {
  std::uint64_t request = 0;
  std::int32_t error = 0;
};

struct LauncherStart {
  int socket = -1;      // borrowed, as everything here
  int executable = -1;  // what is executed for every request
  pid_t broker = -1;    // whose children the runs become
};

// Serves until the broker closes its end; does not return.
[[noreturn]] void serve_command_launches(const LauncherStart& start);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_COMMAND_LAUNCHER_PROCESS_H_
