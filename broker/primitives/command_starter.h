// CommandStarter: starts a process of Writ's own program. An interface, so that what waits for such a process can be
// tried out without one.
#ifndef WRIT_BROKER_PRIMITIVES_COMMAND_STARTER_H_
#define WRIT_BROKER_PRIMITIVES_COMMAND_STARTER_H_

#include <array>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/mediation/command_launcher.h"

namespace writ {

class CommandStarter {
 public:
  CommandStarter() = default;
  CommandStarter(const CommandStarter&) = delete;
  CommandStarter& operator=(const CommandStarter&) = delete;
  virtual ~CommandStarter() = default;

  // Starts `writ` with `arguments` (the first is its name) and the borrowed `streams` as 0, 1 and 2 (-1: /dev/null), as
  // a child of this process that ends with it. Returns its pidfd; whoever holds it must wait for it. Errors: nothing
  // was started.
  [[nodiscard]] virtual Result<UniqueFd> start(const std::vector<std::string>& arguments,
                                               const std::array<int, 3>& streams) = 0;
};

// The real one. Owns the launcher; start() waits for its answer, some milliseconds. One thread at a time.
class LaunchedCommandStarter final : public CommandStarter {
 public:
  explicit LaunchedCommandStarter(CommandLauncher launcher) : launcher_(std::move(launcher)) {}
  ~LaunchedCommandStarter() override;

  // Errors beside the launcher's: it does not answer (what it may have started is ended when it does).
  [[nodiscard]] Result<UniqueFd> start(const std::vector<std::string>& arguments,
                                       const std::array<int, 3>& streams) override;

 private:
  CommandLauncher launcher_;
};

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_COMMAND_STARTER_H_
