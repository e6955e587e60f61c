#include "broker/kernel/terminal_settings.h"

#include <algorithm>
#include <cerrno>

namespace writ {

TerminalStopsBlocked::TerminalStopsBlocked() {
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTTOU);
  sigaddset(&stops, SIGTTIN);
  ::pthread_sigmask(SIG_BLOCK, &stops, &before_);
}

TerminalStopsBlocked::~TerminalStopsBlocked() {
  const int saved_errno = errno;
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  errno = saved_errno;
}

bool set_terminal_settings(int terminal, const termios& settings) {
  const TerminalStopsBlocked guard;
  int result = 0;
  // TCSANOW: output was processed with the settings of the moment it was written.
  do {
    result = ::tcsetattr(terminal, TCSANOW, &settings);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

bool same_terminal_settings(const termios& a, const termios& b) {
  return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_cflag == b.c_cflag && a.c_lflag == b.c_lflag &&
         std::ranges::equal(a.c_cc, b.c_cc);
}

}  // namespace writ
