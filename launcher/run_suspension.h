// RunSuspension: a run that stops together with its sandbox, and goes on together with it: Ctrl-Z, SIGTSTP, SIGCONT.
//
//   ask(cause)  → the sandbox's processes are stopped (freezer, or init's answer comes as a report)
//   is_ready()  → stop_until_continued(): gives the terminal back, stops Writ; after SIGCONT the sandbox goes on
//
// The sandbox first: what runs in it while Writ is stopped would wait for Writ at its next mediated call, or use the
// host without anybody who watches its limits.
//
// All borrowed. Threads: one.
#ifndef WRIT_LAUNCHER_RUN_SUSPENSION_H_
#define WRIT_LAUNCHER_RUN_SUSPENSION_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "broker/mediation/command_service.h"
#include "broker/sandbox/sandbox_freezer.h"
#include "broker/sandbox/sandbox_process.h"
#include "launcher/stop_self.h"
#include "launcher/terminal_relay.h"

namespace writ {

enum class SuspendCause : std::uint8_t {
  kToolStopped,   // Ctrl-Z in the tool's own terminal stopped the tool
  kTerminal,      // SIGTSTP by the key, to Writ and whoever else is in the pipeline
  kOtherProcess,  // SIGTSTP by kill(2)
};

class RunSuspension {
 public:
  using Clock = std::chrono::steady_clock;

  // `commands` and `freezer` may be null.
  RunSuspension(SandboxProcess& sandbox, CommandService* commands, SandboxFreezer* freezer)
      : sandbox_(sandbox), commands_(commands), freezer_(freezer) {}

  // Begins to stop the sandbox. Asked again before Writ has stopped: only the causes add up.
  void ask(SuspendCause cause);
  // A kPaused of the sandbox's init.
  void note_paused(const InitReport& report);
  // The sandbox has stopped, or cannot be, or its init has not answered in time.
  [[nodiscard]] bool is_ready(Clock::time_point now) const;
  [[nodiscard]] bool is_asked() const { return since_.has_value(); }
  [[nodiscard]] std::optional<Clock::time_point> deadline() const;

  // Stops Writ until it is continued; `relay` may be null. Returns for how long the sandbox did not run.
  Clock::duration stop_until_continued(TerminalRelay* relay);
  // Lets the sandbox go on without stopping: it shall end, or Writ has been continued already.
  void cancel();

 private:
  enum class Hold : std::uint8_t { kNone, kAsked, kByInit, kFrozen };

  [[nodiscard]] Hold stop_sandbox();
  void let_go();

  SandboxProcess& sandbox_;
  CommandService* commands_;
  SandboxFreezer* freezer_;
  std::optional<Clock::time_point> since_;
  Hold hold_ = Hold::kNone;
  bool tool_stopped_ = false;
  StopReach reach_ = StopReach::kThisProcess;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_SUSPENSION_H_
