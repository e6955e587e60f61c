#include "launcher/stop_self.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

namespace writ {
namespace {

sigset_t only(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  return set;
}

// True when a SIGCONT has come. It is blocked meanwhile, so that it stays to be seen.
bool take_continue() {
  const sigset_t continued = only(SIGCONT);
  const timespec at_once{};
  int got = -1;
  do {
    got = ::sigtimedwait(&continued, nullptr, &at_once);
  } while (got < 0 && errno == EINTR);
  return got == SIGCONT;
}

// Returns after SIGCONT; at once in an orphaned process group, which the kernel does not stop.
void stop_by_default_action(StopReach reach) {
  struct sigaction before {};
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  ::sigaction(SIGTSTP, &standard, &before);
  const sigset_t stop = only(SIGTSTP);
  sigset_t mask_before;
  ::pthread_sigmask(SIG_UNBLOCK, &stop, &mask_before);
  ::kill(reach == StopReach::kProcessGroup ? 0 : ::getpid(), SIGTSTP);
  ::pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
  ::sigaction(SIGTSTP, &before, nullptr);
}

}  // namespace

Continued stop_self(StopReach reach) {
  struct sigaction now {};
  if (::sigaction(SIGTSTP, nullptr, &now) != 0 || now.sa_handler == SIG_IGN) return Continued::kNeverStopped;
  const sigset_t continued = only(SIGCONT);
  sigset_t mask_before;
  ::pthread_sigmask(SIG_BLOCK, &continued, &mask_before);
  // Whoever continues us before we have stopped wants us to go on; the stop would take that signal away.
  bool came = take_continue();
  if (!came) {
    stop_by_default_action(reach);
    came = take_continue();
  }
  if (!came && reach == StopReach::kInAnyCase) {
    ::kill(::getpid(), SIGSTOP);
    came = take_continue();
  }
  ::pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
  return came ? Continued::kAfterStop : Continued::kNeverStopped;
}

}  // namespace writ
