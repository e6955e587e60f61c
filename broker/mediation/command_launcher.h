// CommandLauncher: starts nested runs of Writ for commands that are allowed.
//
// A process of its own does it, forked while the broker still has everything a launch needs and no secret: later the
// broker is non-dumpable and has given its capabilities up. The process waits for requests and turns each into one
// execution of the very file that this process runs. Nested runs are children of the broker (CLONE_PARENT), die with it
// (PR_SET_PDEATHSIG), and get nothing of it but their three streams, its environment and its working directory.
//
// Ownership: destroying the launcher ends its process, not the runs that it started. Threads: one at a time; the broker
// must be single-threaded at start(). Nothing blocks.
#ifndef WRIT_BROKER_MEDIATION_COMMAND_LAUNCHER_H_
#define WRIT_BROKER_MEDIATION_COMMAND_LAUNCHER_H_

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

struct LaunchCommandMessage;

// A run that was started, or why not.
struct LaunchedCommand {
  std::uint64_t request = 0;
  int error = 0;   // positive errno; 0: started
  UniqueFd pidfd;  // a child of ours: waitid(P_PIDFD)
};

// Where a run starts that is not to have the broker's own environment and working directory.
struct LaunchPlace {
  std::vector<std::string> environment;  // "NAME=value"
  int directory = -1;                    // borrowed
};

class CommandLauncher {
 public:
  [[nodiscard]] static Result<CommandLauncher> start();

  CommandLauncher(CommandLauncher&&) noexcept = default;
  CommandLauncher& operator=(CommandLauncher&&) = delete;
  ~CommandLauncher();

  // Asks for `writ <arguments>` with the borrowed `streams` as 0, 1 and 2 (-1: /dev/null), in `place` where one is
  // given (borrowed). The answer comes through receive(), with the number that is returned here. Errors: the launcher
  // is gone or busy (EAGAIN).
  [[nodiscard]] Result<std::uint64_t> launch(const std::vector<std::string>& arguments,
                                             const std::array<int, 3>& streams, const LaunchPlace* place = nullptr);

  // Gives the borrowed streams to the launcher's process to be closed there: closing the last copy of a socket can take
  // as long as its owner likes (SO_LINGER), and the broker has no time for that.
  void discard(const std::array<int, 3>& streams);

  // Poll for POLLIN; -1 when the launcher's process has ended.
  [[nodiscard]] int poll_descriptor() const { return socket_.valid() ? socket_.get() : -1; }
  // Takes one answer; nothing when none is there.
  [[nodiscard]] std::optional<LaunchedCommand> receive();

 private:
  CommandLauncher(pid_t pid, UniqueFd socket) : pid_(pid), socket_(std::move(socket)) {}
  struct Descriptors {
    int words = -1;
    const std::array<int, 3>& streams;
    int directory = -1;
  };
  [[nodiscard]] Status send(const LaunchCommandMessage& head, const Descriptors& descriptors);

  pid_t pid_ = -1;
  UniqueFd socket_;
  std::uint64_t last_request_ = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_COMMAND_LAUNCHER_H_
