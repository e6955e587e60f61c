// UserTerminal: the terminal that Writ was started on: whether it is ours to use at this moment, its settings, its
// size.
//
// Job control decides. Settings are changed and input is read only while our process group is the terminal's foreground
// group; a run started with `&` does neither, and takes the terminal over once it is brought to the foreground. Nothing
// here stops the process with SIGTTOU or SIGTTIN: both are blocked around each call that could raise them.
//
// The descriptors handed in are borrowed; for terminals, own non-blocking descriptions are opened beside them, because
// O_NONBLOCK on the shared description would change the shell that started us. The destructor restores the settings.
// Threads: one at a time. Fork: a child must leave by _exit or execve, or it would restore the settings as well.
#ifndef WRIT_LAUNCHER_USER_TERMINAL_H_
#define WRIT_LAUNCHER_USER_TERMINAL_H_

#include <sys/ioctl.h>
#include <sys/types.h>
#include <termios.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "broker/base/unique_fd.h"

namespace writ {

enum class TerminalUse : std::uint8_t {
  kExclusive,  // standard input and output are the terminal: raw while we are in the foreground
  kShared,     // standard output leads elsewhere: another program of the pipeline may drive the terminal (a pager), so
               // its settings stay, and input is read only while it is in line mode
};

enum class InputState : std::uint8_t {
  kRaw,         // ours: every key goes to the tool
  kLines,       // read as the terminal delivers it, line by line; the terminal itself echoes and makes signals
  kNotOurs,     // in the background, or another program drives the terminal: not read now, asked again later
  kNoTerminal,  // a pipe, a file or nothing
};

class UserTerminal {
 public:
  // `input` and `output`: borrowed descriptors that outlive the object, -1 for none. Changes nothing yet.
  UserTerminal(int input, int output, TerminalUse use);
  ~UserTerminal();
  UserTerminal(const UserTerminal&) = delete;
  UserTerminal& operator=(const UserTerminal&) = delete;

  // Looks anew whether the terminal is ours and makes it raw if so. Call at start, after SIGCONT and from time to time
  // while the answer is kNotOurs (bash sends no SIGCONT when it brings a running job to the foreground).
  InputState refresh();

  // Gives the terminal back the settings it had before it was made raw; does nothing while it is not ours. Also done
  // by the destructor.
  void restore();

  [[nodiscard]] InputState input_state() const { return state_; }
  [[nodiscard]] int input() const { return own_input_.valid() ? own_input_.get() : input_; }
  [[nodiscard]] int output() const { return own_output_.valid() ? own_output_.get() : output_; }

  // True when write_output() may be called without asking poll(2) first.
  [[nodiscard]] bool output_never_blocks() const { return own_output_.valid(); }
  [[nodiscard]] bool input_is_terminal() const { return input_is_terminal_; }

  // Settings to give to the tool's terminal: those of the user's terminal where it is ours, nothing otherwise (in the
  // background they are the line editor's of the shell).
  [[nodiscard]] std::optional<termios> settings_for_tool() const;
  // Size of the terminal; nothing when there is none or it does not know its size (0 by 0).
  [[nodiscard]] std::optional<winsize> window_size() const;
  // read(2) and write(2) that return -EAGAIN rather than stop or block; other errors as negative errno; 0 from read is
  // the end of input. read_input() answers -EAGAIN while the terminal is not ours.
  [[nodiscard]] ssize_t read_input(std::span<char> space);
  [[nodiscard]] ssize_t write_output(std::span<const char> bytes);

 private:
  [[nodiscard]] bool in_foreground() const;
  [[nodiscard]] bool in_line_mode() const;
  [[nodiscard]] InputState make_raw();

  int input_;
  int output_;
  TerminalUse use_;
  bool input_is_terminal_;
  bool output_is_terminal_;
  UniqueFd own_input_;
  UniqueFd own_output_;
  InputState state_ = InputState::kNoTerminal;
  std::optional<termios> original_;  // what restore() puts back; set while the terminal is raw by our doing
  termios before_raw_{};
  termios raw_{};
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_USER_TERMINAL_H_
