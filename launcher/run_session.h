// RunSession: the time between the start of a tool and its end: signals, time limit, terminal, persistence guard.
#ifndef WRIT_LAUNCHER_RUN_SESSION_H_
#define WRIT_LAUNCHER_RUN_SESSION_H_

#include <sys/signalfd.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "broker/base/unique_fd.h"
#include "broker/grant/persistence_guard.h"
#include "broker/mediation/command_service.h"
#include "broker/mediation/notification_loop.h"
#include "broker/network/socket_calls.h"
#include "broker/policy/profile.h"
#include "broker/sandbox/sandbox_freezer.h"
#include "broker/sandbox/sandbox_process.h"
#include "launcher/run_approvals.h"
#include "launcher/run_audit.h"
#include "launcher/run_limits.h"
#include "launcher/run_outcome.h"
#include "launcher/run_streams.h"
#include "launcher/run_suspension.h"

namespace writ {

// Blocks the signals that the session handles and returns a descriptor to read them from. Call before the tool starts
// and after init was forked (init passes the original mask on to the tool). A signal that was ignored from the start
// (nohup, a background command of a script) stays ignored.
[[nodiscard]] Result<UniqueFd> take_over_signals();

// What a session serves beside the sandbox itself; null where a run has none. Borrowed.
struct SessionServices {
  PersistenceGuard* guard = nullptr;
  NotificationLoop* calls = nullptr;  // of which the next two answer
  CommandService* commands = nullptr;
  SocketCalls* sockets = nullptr;
  RunApprovals* approvals = nullptr;
  RunAudit* audit = nullptr;
  RunLimits* limits = nullptr;
  SandboxFreezer* freezer = nullptr;  // pauses the sandbox; without one, its init does
  StreamGiver giver = StreamGiver::kPerson;
  std::function<void(const InitReport&)>
      on_tree;  // gets what became of an attach_tree() or detach_tree(); may be empty
};

class RunSession {
 public:
  // All borrowed; they must outlive the session.
  RunSession(SandboxProcess& sandbox, RunStreams& streams, const SessionServices& services, const LimitPolicy& limits,
             int signals);

  // Runs until the tool has ended and everything in its sandbox is dead.
  [[nodiscard]] RunOutcome run();

 private:
  using Clock = std::chrono::steady_clock;

  void poll_once();
  void handle_signals();
  void handle_signal(const signalfd_siginfo& info);
  void handle_interrupt();
  void handle_window_change();
  void handle_continue();
  void handle_ending_signal(int signal);
  void suspend_when_ready();
  void end_gracefully(OutcomeKind because, std::string reason);
  void kill_now(OutcomeKind because, std::string reason);
  void check_deadlines();
  void check_limits();
  void handle_init();
  void handle_stop();
  void note_exit(const InitReport& report);
  void serve_audit();
  void add_service_entries(std::vector<pollfd>& entries) const;
  void serve(std::span<const pollfd> entries);
  [[nodiscard]] bool only_calls_wait(std::span<const pollfd> entries) const;
  [[nodiscard]] int poll_timeout() const;

  SandboxProcess& sandbox_;
  RunStreams& streams_;
  PersistenceGuard* guard_;
  NotificationLoop* calls_;
  CommandService* commands_;
  SocketCalls* sockets_;
  RunApprovals* approvals_;
  RunAudit* audit_;
  RunLimits* tree_limits_;
  StreamGiver giver_;
  std::function<void(const InitReport&)> on_tree_;
  const LimitPolicy& limits_;
  int signals_;
  RunSuspension suspension_;
  Clock::time_point started_ = Clock::now();
  std::optional<Clock::time_point> deadline_;
  std::optional<Clock::time_point> kill_at_;
  std::vector<pollfd> entries_;  // of the poll that is under way
  RepeatedInterrupt interrupts_;
  bool over_ = false;
  std::optional<RunOutcome> forced_;  // why Writ itself ended the tool
  RunOutcome outcome_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_SESSION_H_
