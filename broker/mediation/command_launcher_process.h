// The process behind CommandLauncher: receives requests, starts runs. It has no policy and reads none.
#ifndef WRIT_BROKER_MEDIATION_COMMAND_LAUNCHER_PROCESS_H_
#define WRIT_BROKER_MEDIATION_COMMAND_LAUNCHER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>

namespace writ {

// Broker → launcher, with five descriptors: a memory file with the argument vector and then the environment (each word
// with its NUL), the streams 0, 1 and 2, and the working directory. No words: the streams are only to be closed.
struct LaunchCommandMessage {
  std::uint64_t request = 0;
  std::uint32_t words = 0;      // how many of the file's are arguments; the rest is the environment
  std::uint32_t own_place = 0;  // 0: environment and working directory are the launcher's own, whatever was sent
};
inline constexpr int kLaunchDescriptors = 5;

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
