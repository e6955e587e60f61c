#include "launcher/run_suspension.h"

#include <cerrno>
#include <csignal>

namespace writ {
namespace {

// Init answers within half a second; it may have other work before that.
constexpr std::chrono::seconds kAnswerPatience{2};

StopReach reach_of(SuspendCause cause) {
  if (cause == SuspendCause::kToolStopped) return StopReach::kProcessGroup;
  return cause == SuspendCause::kTerminal ? StopReach::kThisProcess : StopReach::kInAnyCase;
}

}  // namespace

void RunSuspension::ask(SuspendCause cause) {
  if (cause == SuspendCause::kToolStopped) tool_stopped_ = true;
  if (since_) return;
  since_ = Clock::now();
  reach_ = reach_of(cause);
  // Commands that rules let out run in sandboxes of their own, each with a Writ of its own.
  if (commands_ != nullptr) commands_->signal_all(SIGTSTP);
  hold_ = stop_sandbox();
}

RunSuspension::Hold RunSuspension::stop_sandbox() {
  if (freezer_ != nullptr) {
    if (freezer_->freeze()) return Hold::kFrozen;
    // A freezer may give up on a process that waits for our answer, and leave the others, init too, half frozen.
    (void)freezer_->thaw();
  }
  return sandbox_.pause() ? Hold::kAsked : Hold::kNone;
}

void RunSuspension::note_paused(const InitReport& report) {
  if (hold_ == Hold::kAsked) hold_ = report.error == EOPNOTSUPP ? Hold::kNone : Hold::kByInit;
}

bool RunSuspension::is_ready(Clock::time_point now) const {
  return since_ && (hold_ != Hold::kAsked || now >= *since_ + kAnswerPatience);
}

std::optional<RunSuspension::Clock::time_point> RunSuspension::deadline() const {
  if (!since_) return std::nullopt;
  return *since_ + kAnswerPatience;
}

RunSuspension::Clock::duration RunSuspension::stop_until_continued(TerminalRelay* relay) {
  if (relay != nullptr)
    relay->suspend_self(reach_);
  else
    stop_self(reach_);
  // What could not be stopped ran on: then its time did, too.
  const auto stopped = hold_ == Hold::kNone ? Clock::duration::zero() : Clock::now() - *since_;
  cancel();
  return stopped;
}

void RunSuspension::cancel() {
  if (!since_) return;
  let_go();
  // After the resume, which leaves alone what was stopped before.
  if (tool_stopped_) sandbox_.signal_tool(SIGCONT);
  tool_stopped_ = false;
  since_.reset();
}

void RunSuspension::let_go() {
  if (commands_ != nullptr) commands_->signal_all(SIGCONT);
  if (hold_ == Hold::kFrozen) (void)freezer_->thaw();
  if (hold_ == Hold::kAsked || hold_ == Hold::kByInit) (void)sandbox_.resume();
  hold_ = Hold::kNone;
}

}  // namespace writ
