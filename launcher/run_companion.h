// RunCompanion: what goes along with a run without being part of every run: it may widen or narrow the policy, serve
// calls that wait for the broker, and has the last word on the exit status. `writ learn` is one.
#ifndef WRIT_LAUNCHER_RUN_COMPANION_H_
#define WRIT_LAUNCHER_RUN_COMPANION_H_

#include <sys/types.h>

#include "broker/base/error.h"
#include "broker/mediation/notification_loop.h"
#include "broker/policy/bpf_program.h"
#include "broker/sandbox/launch.h"
#include "launcher/run_session.h"
#include "launcher/run_setup.h"

namespace writ {

// The calls come in this order. An error ends the run before anything is started.
class RunCompanion {
 public:
  RunCompanion() = default;
  RunCompanion(const RunCompanion&) = delete;
  RunCompanion& operator=(const RunCompanion&) = delete;
  virtual ~RunCompanion() = default;

  // The policy was read; nothing was opened yet.
  [[nodiscard]] virtual Status adjust(RunSetup& setup) = 0;
  // The calls that shall wait for the broker.
  [[nodiscard]] virtual Result<BpfProgram> listener_filter() = 0;
  // Everything is decided and opened.
  [[nodiscard]] virtual Status prepared(const PreparedLaunch& launch) = 0;
  // The tool runs. `notifications` brings its calls; `init` is the sandbox's pid 1.
  virtual void started(NotificationLoop& notifications, pid_t init) = 0;
  // Everything in the sandbox is dead. Returns the exit status of Writ.
  [[nodiscard]] virtual int finished(const RunOutcome& outcome) = 0;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_COMPANION_H_
