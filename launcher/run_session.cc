#include "launcher/run_session.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "broker/kernel/acting_identity.h"
#include "broker/sandbox/launch.h"

namespace writ {
namespace {

enum class SignalUse : std::uint8_t { kEnd, kInterrupt, kStop, kContinue, kWindow, kPassOn };

struct HandledSignal {
  int number;
  SignalUse use;
};

// docs/terminal.md has this table for people.
constexpr std::array<HandledSignal, 15> kHandledSignals = {{{SIGTERM, SignalUse::kEnd},
                                                            {SIGHUP, SignalUse::kEnd},
                                                            {SIGINT, SignalUse::kInterrupt},
                                                            {SIGTSTP, SignalUse::kStop},
                                                            {SIGCONT, SignalUse::kContinue},
                                                            {SIGWINCH, SignalUse::kWindow},
                                                            {SIGQUIT, SignalUse::kPassOn},
                                                            {SIGUSR1, SignalUse::kPassOn},
                                                            {SIGUSR2, SignalUse::kPassOn},
                                                            {SIGALRM, SignalUse::kPassOn},
                                                            {SIGVTALRM, SignalUse::kPassOn},
                                                            {SIGPROF, SignalUse::kPassOn},
                                                            {SIGURG, SignalUse::kPassOn},
                                                            {SIGIO, SignalUse::kPassOn},
                                                            {SIGPWR, SignalUse::kPassOn}}};

// Ignored: whoever started Writ wants that. Handled: by another part of Writ (SIGALRM, prompt_socket.h).
bool is_left_alone(int signal) {
  struct sigaction now {};
  return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler != SIG_DFL;
}

constexpr int kSignalledBase = 128;

std::string describe_signal(int signal) {
  return std::string(::strsignal(signal)) + " (signal " + std::to_string(signal) + ")";
}

}  // namespace

std::string_view outcome_name(OutcomeKind kind) {
  constexpr std::array<std::string_view, 8> kNames = {"exited",       "signalled",   "timed_out",    "interrupted",
                                                      "sandbox_died", "not_started", "audit_failed", "limited"};
  return kNames[static_cast<std::size_t>(kind)];
}

Result<UniqueFd> take_over_signals() {
  sigset_t handled;
  sigemptyset(&handled);
  for (const HandledSignal& signal : kHandledSignals)
    if (!is_left_alone(signal.number)) sigaddset(&handled, signal.number);
  sigprocmask(SIG_BLOCK, &handled, nullptr);
  // Our own output may have no reader; that must not end the tool.
  std::signal(SIGPIPE, SIG_IGN);
  UniqueFd signals(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.valid()) return fail_errno(errno, "cannot receive signals by descriptor");
  return signals;
}

RunSession::RunSession(SandboxProcess& sandbox, RunStreams& streams, const SessionServices& services,
                       const LimitPolicy& limits, int signals)
    : sandbox_(sandbox),
      streams_(streams),
      guard_(services.guard),
      calls_(services.calls),
      commands_(services.commands),
      sockets_(services.sockets),
      approvals_(services.approvals),
      audit_(services.audit),
      tree_limits_(services.limits),
      giver_(services.giver),
      on_tree_(services.on_tree),
      limits_(limits),
      signals_(signals),
      suspension_(sandbox, services.commands, services.freezer) {
  if (limits_.wall_time) deadline_ = started_ + *limits_.wall_time;
}

// Asks the tool to end; what is left after the grace is killed.
void RunSession::end_gracefully(OutcomeKind because, std::string reason) {
  if (!forced_) {
    forced_.emplace();
    forced_->kind = because;
    forced_->reason = std::move(reason);
  }
  suspension_.cancel();  // what is paused could not end by itself
  if (!kill_at_) kill_at_ = Clock::now() + limits_.kill_grace;
}

void RunSession::kill_now(OutcomeKind because, std::string reason) {
  end_gracefully(because, std::move(reason));
  kill_at_.reset();
  sandbox_.kill();
}

void RunSession::handle_interrupt() {
  if (!interrupts_.note(Clock::now())) return sandbox_.signal_tool(SIGINT);
  kill_now(OutcomeKind::kInterrupted, "interrupted twice");
  forced_->exit_status = kSignalledBase + SIGINT;
}

// Without a terminal of the sandbox's own, no kernel tells the tool.
void RunSession::handle_window_change() {
  if (TerminalRelay* relay = streams_.relay())
    relay->on_window_change();
  else
    sandbox_.signal_tool(SIGWINCH);
}

void RunSession::handle_continue() {
  // The stop that it answers is still being prepared: it must not come afterwards.
  suspension_.cancel();
  TerminalRelay* relay = streams_.relay();
  if (relay != nullptr) relay->on_continue();
  if (approvals_ != nullptr) approvals_->on_continue();
  // A tool that stopped itself goes on, as it would without Writ. In a terminal its shell does that.
  if (relay == nullptr) sandbox_.signal_tool(SIGCONT);
}

void RunSession::handle_ending_signal(int signal) {
  sandbox_.signal_tool(signal);
  end_gracefully(OutcomeKind::kInterrupted, "Writ received " + describe_signal(signal));
  forced_->exit_status = kSignalledBase + signal;
}

void RunSession::handle_signal(const signalfd_siginfo& info) {
  const int signal = static_cast<int>(info.ssi_signo);
  const auto* handled = std::ranges::find(kHandledSignals, signal, &HandledSignal::number);
  switch (handled == kHandledSignals.end() ? SignalUse::kPassOn : handled->use) {
    case SignalUse::kEnd:
      return handle_ending_signal(signal);
    case SignalUse::kInterrupt:
      return handle_interrupt();
    case SignalUse::kStop:
      return suspension_.ask(info.ssi_code == SI_KERNEL ? SuspendCause::kTerminal : SuspendCause::kOtherProcess);
    case SignalUse::kContinue:
      return handle_continue();
    case SignalUse::kWindow:
      return handle_window_change();
    case SignalUse::kPassOn:
      sandbox_.signal_tool(signal);
  }
}

void RunSession::handle_signals() {
  signalfd_siginfo info{};
  while (::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) handle_signal(info);
}

// Neither limit runs while nothing in the sandbox does.
void RunSession::suspend_when_ready() {
  if (!suspension_.is_ready(Clock::now())) return;
  const auto stopped = suspension_.stop_until_continued(streams_.relay());
  if (deadline_) *deadline_ += stopped;
  if (kill_at_) *kill_at_ += stopped;
  if (approvals_ != nullptr) approvals_->on_continue();
}

void RunSession::check_deadlines() {
  const auto now = Clock::now();
  if (deadline_ && now >= *deadline_) {
    deadline_.reset();
    sandbox_.signal_tool(SIGTERM);
    end_gracefully(OutcomeKind::kTimedOut,
                   "the time limit of " + std::to_string(limits_.wall_time->count()) + " ms was reached");
    forced_->exit_status = kExitTimedOut;
  }
  if (kill_at_ && now >= *kill_at_) {
    kill_at_.reset();
    sandbox_.kill();
  }
}

void RunSession::note_exit(const InitReport& report) {
  outcome_.usage = report.usage;
  if (WIFSIGNALED(report.status)) {
    outcome_.kind = OutcomeKind::kSignalled;
    outcome_.signal = WTERMSIG(report.status);
    outcome_.exit_status = kSignalledBase + outcome_.signal;
    outcome_.reason = "ended by " + describe_signal(outcome_.signal);
  } else {
    outcome_.kind = OutcomeKind::kExited;
    outcome_.exit_status = WEXITSTATUS(report.status);
    outcome_.reason = "exit status " + std::to_string(outcome_.exit_status);
  }
}

// Stopping the tool stops Writ as well, for the shell that then has the terminal. A command of another sandbox has no
// shell that would continue it: it goes on at once.
void RunSession::handle_stop() {
  if (streams_.relay() == nullptr) return;
  if (giver_ == StreamGiver::kPerson) return suspension_.ask(SuspendCause::kToolStopped);
  sandbox_.signal_tool(SIGCONT);
}

void RunSession::handle_init() {
  auto message = sandbox_.receive();
  if (!message) {
    over_ = true;
    sandbox_.wait();  // killed: what was in the sandbox is dead when init is
    if (outcome_.kind != OutcomeKind::kNotStarted) return;
    outcome_.kind = OutcomeKind::kSandboxDied;
    outcome_.exit_status = kExitWritFailed;
    outcome_.reason = "the sandbox was killed from outside";
    return;
  }
  const InitEvent event = message->report.event;
  if (event == InitEvent::kStopped) handle_stop();
  if (event == InitEvent::kPaused) suspension_.note_paused(message->report);
  if ((event == InitEvent::kAttached || event == InitEvent::kDetached) && on_tree_) on_tree_(message->report);
  if (event != InitEvent::kExited) return;
  note_exit(message->report);
  if (tree_limits_ != nullptr) tree_limits_->note_exit(message->report);
  over_ = true;
}

int RunSession::poll_timeout() const {
  std::optional<Clock::time_point> next = deadline_;
  for (const auto& other : {kill_at_, suspension_.deadline()})
    if (other && (!next || *other < *next)) next = other;
  long long wait = -1;
  if (next) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now()).count();
    wait = std::clamp<long long>(left, 0, 3'600'000);
  }
  const auto at_most = [&wait](long long other) {
    if (other >= 0 && (wait < 0 || other < wait)) wait = other;
  };
  if (TerminalRelay* relay = streams_.relay()) at_most(relay->poll_timeout_ms());
  const auto at_most_for = [&](const auto* service) {
    if (service == nullptr) return;
    if (const auto left = service->poll_timeout()) at_most(left->count());
  };
  at_most_for(calls_);
  at_most_for(commands_);
  at_most_for(sockets_);
  at_most_for(approvals_);
  at_most_for(audit_);
  at_most_for(tree_limits_);
  return static_cast<int>(wait);
}

void RunSession::add_service_entries(std::vector<pollfd>& entries) const {
  if (calls_ != nullptr) entries.push_back({calls_->poll_descriptor(), POLLIN, 0});
  if (sockets_ != nullptr) entries.push_back({sockets_->poll_descriptor(), POLLIN, 0});
  if (commands_ != nullptr) commands_->add_poll_entries(entries);
  if (approvals_ != nullptr) approvals_->add_poll_entries(entries);
  if (tree_limits_ != nullptr) tree_limits_->add_poll_entries(entries);
}

// Ends of what callers wait for come before new calls.
void RunSession::serve(std::span<const pollfd> entries) {
  if (commands_ != nullptr) commands_->handle_events(entries);
  if (sockets_ != nullptr) sockets_->finish_waiting();
  for (const pollfd& entry : entries)
    if (calls_ != nullptr && entry.fd >= 0 && entry.revents != 0 && entry.fd == calls_->poll_descriptor())
      calls_->handle_events(entry.revents);
  if (approvals_ != nullptr) approvals_->serve();
}

bool RunSession::only_calls_wait(std::span<const pollfd> entries) const {
  const int calls = calls_ == nullptr ? -1 : calls_->poll_descriptor();
  bool waiting = false;
  for (const pollfd& entry : entries) {
    if (entry.revents == 0) continue;
    if (entry.fd != calls) return false;
    waiting = true;
  }
  return waiting;
}

void RunSession::poll_once() {
  std::vector<pollfd>& entries = entries_;
  entries.assign({{sandbox_.descriptor(), POLLIN, 0}, {signals_, POLLIN, 0}});
  if (guard_ != nullptr && guard_->poll_descriptor() >= 0) entries.push_back({guard_->poll_descriptor(), POLLIN, 0});
  streams_.add_poll_entries(entries);
  add_service_entries(entries);
  if (::poll(entries.data(), entries.size(), poll_timeout()) < 0) return;
  // From one call to the next, root's broker stays who it was for it. For all else it is itself.
  if (!only_calls_wait(entries)) ActingIdentity::step_back();
  if (entries[1].revents != 0) handle_signals();
  streams_.handle_events(entries);
  serve(entries);
  TerminalRelay* relay = streams_.relay();
  if (relay != nullptr && relay->kill_requested() && !forced_) {
    kill_now(OutcomeKind::kInterrupted, "interrupted twice");
    forced_->exit_status = kSignalledBase + SIGINT;
  }
  if (entries.size() > 2 && guard_ != nullptr && entries[2].fd == guard_->poll_descriptor() && entries[2].revents != 0)
    guard_->handle_events();
  if (entries[0].revents != 0) handle_init();
}

// Before waiting: nobody waits for us then.
void RunSession::serve_audit() {
  if (audit_ == nullptr) return;
  audit_->write_when_due();
  if (!audit_->failure() || forced_) return;
  kill_now(OutcomeKind::kAuditFailed, *audit_->failure());
  forced_->exit_status = kExitWritFailed;
}

void RunSession::check_limits() {
  if (tree_limits_ == nullptr || forced_) return;
  auto reached = tree_limits_->check(streams_);
  if (!reached) return;
  kill_now(OutcomeKind::kLimited, std::move(*reached));
  forced_->exit_status = kSignalledBase + SIGKILL;
}

RunOutcome RunSession::run() {
  while (!over_) {
    serve_audit();
    poll_once();
    if (!over_) suspend_when_ready();
    check_deadlines();
    check_limits();
    if (calls_ != nullptr) calls_->tick();
    if (commands_ != nullptr) commands_->tick();
  }
  ActingIdentity::step_back();
  // Nobody waits for the commands any more. They hold streams of the tool, whose ends are waited for below.
  if (commands_ != nullptr) commands_->finish(limits_.kill_grace);
  streams_.drain();
  outcome_.wall_time = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_);
  if (forced_) {
    // Why Writ ended the tool comes first; a tool that ended by itself in the meantime keeps its own status.
    outcome_.kind = forced_->kind;
    outcome_.exit_status = forced_->exit_status;
    outcome_.reason = forced_->reason;
  }
  return outcome_;
}

}  // namespace writ
