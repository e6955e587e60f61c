#include "launcher/user_terminal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "broker/kernel/terminal_settings.h"

namespace writ {
namespace {

// A blocking pipe that poll(2) calls writable has room for this much (PIPE_BUF, pipe(7)).
constexpr std::size_t kWriteWithoutBlocking = 4096;

bool is_same_terminal(int a, int b) {
  struct stat first {};
  struct stat second {};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && S_ISCHR(second.st_mode) &&
         first.st_rdev == second.st_rdev;
}

// A second open description of `terminal`, non-blocking. Invalid where there is no /proc or no permission (after su);
// then the borrowed one is used with poll and small writes.
UniqueFd reopen(int terminal, int access) {
  const std::string name = "/proc/self/fd/" + std::to_string(terminal);
  UniqueFd own(::open(name.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  // /dev/tty and a name used again lead elsewhere: only the very same device will do.
  if (own.valid() && !is_same_terminal(terminal, own.get())) own.reset();
  return own;
}

}  // namespace

UserTerminal::UserTerminal(int input, int output, TerminalUse use)
    : input_(input),
      output_(output),
      use_(use),
      input_is_terminal_(input >= 0 && ::isatty(input) == 1),
      output_is_terminal_(output >= 0 && ::isatty(output) == 1) {
  if (input_is_terminal_) own_input_ = reopen(input, O_RDONLY);
  if (output_is_terminal_) own_output_ = reopen(output, O_WRONLY);
}

UserTerminal::~UserTerminal() { restore(); }

bool UserTerminal::in_foreground() const { return ::tcgetpgrp(input_) == ::getpgrp(); }

bool UserTerminal::in_line_mode() const {
  termios now{};
  return ::tcgetattr(input_, &now) == 0 && (now.c_lflag & ICANON) != 0;
}

InputState UserTerminal::refresh() {
  if (!input_is_terminal_) return state_;
  const pid_t foreground = ::tcgetpgrp(input_);
  // ENOTTY: not our controlling terminal, so no job control between us and whoever else uses it. Its settings are not
  // ours to change, but lines typed into it were meant to be read.
  const bool controlling = foreground >= 0;
  if (controlling && foreground != ::getpgrp()) {
    original_.reset();  // the shell has put its own settings back; ours would be wrong by now
    state_ = InputState::kNotOurs;
  } else if (controlling && use_ == TerminalUse::kExclusive && output_is_terminal_) {
    state_ = make_raw();
  } else {
    state_ = in_line_mode() ? InputState::kLines : InputState::kNotOurs;
  }
  return state_;
}

InputState UserTerminal::make_raw() {
  termios now{};
  if (::tcgetattr(input_, &now) != 0) return InputState::kNotOurs;
  // A shell that stopped us unasked (SIGSTOP) may bring back our own raw settings: those are nothing to restore later.
  if (original_ && same_terminal_settings(now, raw_)) return InputState::kRaw;
  if (!same_terminal_settings(now, raw_)) before_raw_ = now;
  raw_ = before_raw_;
  ::cfmakeraw(&raw_);
  if (!set_terminal_settings(input_, raw_)) return InputState::kNotOurs;
  original_ = before_raw_;
  // The kernel may not take every flag; compare later with what it took.
  ::tcgetattr(input_, &raw_);
  return InputState::kRaw;
}

void UserTerminal::restore() {
  if (!original_) return;
  if (in_foreground()) set_terminal_settings(input_, *original_);
  original_.reset();
  state_ = InputState::kNotOurs;
}

std::optional<termios> UserTerminal::settings_for_tool() const {
  if (original_) return original_;
  const int terminal = input_is_terminal_ ? input_ : output_;
  const bool ours =
      input_is_terminal_ ? state_ == InputState::kLines : output_is_terminal_ && ::tcgetpgrp(output_) == ::getpgrp();
  termios now{};
  if (!ours || ::tcgetattr(terminal, &now) != 0) return std::nullopt;
  return now;
}

std::optional<winsize> UserTerminal::window_size() const {
  for (const int terminal : {output_, input_}) {
    winsize size{};
    if (terminal >= 0 && ::ioctl(terminal, TIOCGWINSZ, &size) == 0 && (size.ws_row != 0 || size.ws_col != 0))
      return size;
  }
  return std::nullopt;
}

ssize_t UserTerminal::read_input(std::span<char> space) {
  // Asked anew before each read: what is typed after the shell took the terminal back is meant for the shell.
  if (input_is_terminal_ && refresh() == InputState::kNotOurs) return -EAGAIN;
  const TerminalStopsBlocked guard;
  const ssize_t count = ::read(input(), space.data(), space.size());
  if (count >= 0) return count;
  if (errno == EINTR) return -EAGAIN;
  // EIO from the background is job control's answer; from the foreground the terminal is gone.
  if (errno == EIO && input_is_terminal_ && refresh() == InputState::kNotOurs) return -EAGAIN;
  return -errno;
}

ssize_t UserTerminal::write_output(std::span<const char> bytes) {
  const std::size_t most = own_output_.valid() ? bytes.size() : std::min(bytes.size(), kWriteWithoutBlocking);
  const ssize_t count = ::write(output(), bytes.data(), most);
  if (count >= 0) return count;
  return errno == EINTR ? -EAGAIN : -errno;
}

}  // namespace writ
