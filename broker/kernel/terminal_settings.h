// The settings of a terminal, changed without being stopped by job control. Threads: the signal mask is the calling
// thread's. Fork: not for use between clone and exec.
#ifndef WRIT_BROKER_KERNEL_TERMINAL_SETTINGS_H_
#define WRIT_BROKER_KERNEL_TERMINAL_SETTINGS_H_

#include <signal.h>
#include <termios.h>

namespace writ {

// While it lives, SIGTTOU and SIGTTIN are blocked: tcsetattr() from the background succeeds, and read() fails with EIO,
// instead of stopping us.
class TerminalStopsBlocked {
 public:
  TerminalStopsBlocked();
  ~TerminalStopsBlocked();
  TerminalStopsBlocked(const TerminalStopsBlocked&) = delete;
  TerminalStopsBlocked& operator=(const TerminalStopsBlocked&) = delete;

 private:
  sigset_t before_{};
};

// tcsetattr(3) at once: waiting for the output of a terminal that was stopped with Ctrl-S could last for ever. False
// when the terminal is gone.
bool set_terminal_settings(int terminal, const termios& settings);

[[nodiscard]] bool same_terminal_settings(const termios& a, const termios& b);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_TERMINAL_SETTINGS_H_
