// Terminals for the tests of the relay.
// The user's terminal is one pseudo-terminal, the tool's another. Where job control matters the relay runs in a child
// that is session leader on the user's terminal; the child's exit code tells which check failed.
#ifndef WRIT_TESTS_UNIT_TERMINAL_TEST_SUPPORT_H_
#define WRIT_TESTS_UNIT_TERMINAL_TEST_SUPPORT_H_

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "broker/base/unique_fd.h"
#include "launcher/terminal_relay.h"

namespace writ::terminal_test {

using Clock = std::chrono::steady_clock;

struct Pair {
  UniqueFd master;
  UniqueFd slave;
};

inline Pair make_pair_of(const termios* settings = nullptr, const winsize* size = nullptr) {
  int master = -1;
  int slave = -1;
  if (::openpty(&master, &slave, nullptr, settings, size) != 0) throw std::runtime_error("openpty failed");
  ::fcntl(master, F_SETFD, FD_CLOEXEC);
  ::fcntl(slave, F_SETFD, FD_CLOEXEC);
  return {UniqueFd(master), UniqueFd(slave)};
}

inline termios settings_of(int terminal) {
  termios settings{};
  if (::tcgetattr(terminal, &settings) != 0) throw std::runtime_error("tcgetattr failed");
  return settings;
}

inline bool same(const termios& a, const termios& b) {
  return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_lflag == b.c_lflag &&
         std::ranges::equal(a.c_cc, b.c_cc);
}

inline bool is_raw(int terminal) { return (settings_of(terminal).c_lflag & (ICANON | ECHO | ISIG)) == 0; }

inline void turn(TerminalRelay& relay, int most_ms = 20) {
  std::vector<pollfd> entries;
  relay.add_poll_entries(entries);
  ::poll(entries.data(), entries.size(), most_ms);
  relay.handle_events(entries);
}

inline bool turn_until(TerminalRelay& relay, const std::function<bool()>& done,
                       Clock::duration most = std::chrono::seconds(12)) {
  for (const auto end = Clock::now() + most; Clock::now() < end;) {
    if (done()) return true;
    turn(relay);
  }
  return done();
}

inline std::string read_now(int fd) {
  std::string all;
  char buffer[4096];
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  for (ssize_t count = 0; (count = ::read(fd, buffer, sizeof(buffer))) > 0;)
    all.append(buffer, static_cast<std::size_t>(count));
  return all;
}

inline bool type(const Pair& user, std::string_view keys) {
  return ::write(user.master.get(), keys.data(), keys.size()) == static_cast<ssize_t>(keys.size());
}

// A child that is a session leader on `user`

inline int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

inline int guarded(const std::function<int()>& body) {
  try {
    return body();
  } catch (...) {
    return 98;
  }
}

inline int in_session_on(const Pair& user, const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool ready = ::setsid() > 0 && ::ioctl(user.slave.get(), TIOCSCTTY, 0) == 0;
    ::_exit(ready ? guarded(body) : 99);
  }
  return wait_for(child);
}

inline std::unique_ptr<TerminalRelay> relay_on(const Pair& user, Pair& tool,
                                               TerminalUse use = TerminalUse::kExclusive) {
  TerminalRelayOptions options;
  options.user_input = user.slave.get();
  options.user_output = user.slave.get();
  options.use = use;
  options.master = UniqueFd(::fcntl(tool.master.get(), F_DUPFD_CLOEXEC, 0));
  auto relay = TerminalRelay::create(std::move(options));
  if (!relay) throw std::runtime_error(relay.error().describe());
  return std::move(*relay);
}

inline void make_raw(int terminal) {
  termios settings = settings_of(terminal);
  ::cfmakeraw(&settings);
  ::tcsetattr(terminal, TCSANOW, &settings);
}

inline void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace writ::terminal_test

#endif  // WRIT_TESTS_UNIT_TERMINAL_TEST_SUPPORT_H_
