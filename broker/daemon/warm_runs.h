// WarmRuns: launches that the daemon does in its own process. An interface: what a profile means is the launcher's
// business, and a daemon can be tried out without one.
#ifndef WRIT_BROKER_DAEMON_WARM_RUNS_H_
#define WRIT_BROKER_DAEMON_WARM_RUNS_H_

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/daemon/event_loop.h"
#include "broker/daemon/sandbox_record.h"

namespace writ {

// What a client asks for: `writ WORDS` with this environment in this directory.
struct LaunchForm {
  std::vector<std::string> words;        // "run", options, "--", command
  std::vector<std::string> environment;  // "NAME=value"
  UniqueFd directory;
  std::string directory_path;  // what the client calls it
};

// How a sandbox ended, as `writ run` would say it.
struct SandboxEnd {
  int exit_status = 0;
  std::string reason;   // escaped
  std::string message;  // for the person; escaped; empty: nothing to say
};

// What is told while a warm sandbox lives. Called from the event loop, never from inside of a WarmRuns function.
class WarmListener {
 public:
  WarmListener() = default;
  WarmListener(const WarmListener&) = delete;
  WarmListener& operator=(const WarmListener&) = delete;
  virtual ~WarmListener() = default;
  virtual void warm_started(SandboxNumber number, pid_t init) = 0;
  // kPaused or kRunning: what was asked for was done.
  virtual void warm_changed(SandboxNumber number, SandboxState state) = 0;
  virtual void warm_ended(SandboxNumber number, SandboxEnd end) = 0;
};

enum class WarmAnswer : std::uint8_t {
  kTaken,    // events follow
  kNotWarm,  // such a run needs a broker of its own
};

class WarmRuns {
 public:
  WarmRuns() = default;
  WarmRuns(const WarmRuns&) = delete;
  WarmRuns& operator=(const WarmRuns&) = delete;
  virtual ~WarmRuns() = default;

  // Profile and workspace of a record, for people. Words that mean nothing give empty texts.
  virtual void describe(const LaunchForm& form, SandboxRecord& record) const = 0;

  // Launches what `form` says with the borrowed streams (-1: /dev/null) as 0, 1 and 2, if it is of the kind that can be
  // launched here. Errors: what `writ run` would refuse as well.
  [[nodiscard]] virtual Result<WarmAnswer> launch(SandboxNumber number, const LaunchForm& form,
                                                  const std::array<int, 3>& streams) = 0;

  // Of a sandbox that has ended: nothing.
  virtual void signal(SandboxNumber number, int signal) = 0;  // to the tool
  virtual void pause(SandboxNumber number) = 0;               // every process of the sandbox
  virtual void resume(SandboxNumber number) = 0;
  virtual void kill(SandboxNumber number) = 0;

  // For moments in which nobody waits; for how long at most not to.
  virtual void tick() = 0;
  [[nodiscard]] virtual std::optional<std::chrono::milliseconds> timeout() const = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_DAEMON_WARM_RUNS_H_
