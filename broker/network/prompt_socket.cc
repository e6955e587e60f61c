#include "broker/network/prompt_socket.h"

#include <sys/time.h>

#include <csignal>

namespace writ {
namespace {

constexpr suseconds_t kPatience = 5000;  // microseconds

// Again and again: the first signal may come before the close has begun to wait.
constexpr itimerval kOften = {{0, kPatience}, {0, kPatience}};
constexpr itimerval kNever = {{0, 0}, {0, 0}};

}  // namespace

void PromptSocket::take_over_alarm() {
  struct sigaction action {};
  action.sa_handler = [](int) {};  // its coming is all that is wanted; without SA_RESTART
  (void)::sigaction(SIGALRM, &action, nullptr);
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  (void)::sigprocmask(SIG_UNBLOCK, &alarm, nullptr);
}

void PromptSocket::reset() noexcept {
  if (!socket_.valid()) return;
  (void)::setitimer(ITIMER_REAL, &kOften, nullptr);
  socket_.reset();
  (void)::setitimer(ITIMER_REAL, &kNever, nullptr);
}

}  // namespace writ
