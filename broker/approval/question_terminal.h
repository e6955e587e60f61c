// QuestionTerminal: the controlling terminal as a place to ask: taken while a question is shown, given back afterwards.
//
// It is opened anew (/dev/tty), so that it does not matter where the standard streams lead, and O_NONBLOCK does not
// reach anybody else's description. Settings are changed and keys are read only while our process group is in the
// terminal's foreground; nothing here stops the process (SIGTTOU, SIGTTIN). The destructor gives the settings back.
// Threads: one at a time. Fork: a child must leave by _exit or execve, or it would restore the settings as well.
#ifndef WRIT_BROKER_APPROVAL_QUESTION_TERMINAL_H_
#define WRIT_BROKER_APPROVAL_QUESTION_TERMINAL_H_

#include <poll.h>
#include <sys/types.h>
#include <termios.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/approval/answer_line.h"
#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

enum class TerminalCompany : std::uint8_t {
  kAlone,   // standard input and output are this terminal: no other program drives it
  kShared,  // another program of the pipeline may (a pager): taken only while the terminal is in line mode
};

class QuestionTerminal {
 public:
  // Opens the controlling terminal of this process. Error: there is none (ENXIO), or it may not be opened.
  [[nodiscard]] static Result<QuestionTerminal> open(TerminalCompany company);

  ~QuestionTerminal();
  QuestionTerminal(QuestionTerminal&&) noexcept = default;
  QuestionTerminal& operator=(QuestionTerminal&&) = delete;

  // Whether our process group has the terminal now.
  [[nodiscard]] bool in_foreground() const;
  // Makes the terminal ready for a question: keys come one by one, without echo and without making signals. False: it
  // is not ours now.
  [[nodiscard]] bool take();
  // After take(): whether it is still ours, with our settings. Not so after the process was stopped.
  [[nodiscard]] bool is_taken() const;
  // Restores the settings, if the terminal is still taken.
  void give_back();

  // Throws away what was typed and not read.
  void discard_input();
  // Appends to what is to be shown; at most kQueueLimit bytes are kept.
  void show(std::string_view text);
  // Writes what the terminal takes.
  void flush();
  [[nodiscard]] bool has_unshown() const { return !unshown_.empty(); }
  // What was typed, at most `space`; empty when nothing is there, or the terminal is lost.
  [[nodiscard]] std::string_view read(std::span<char> space);
  // Looks whether the window was closed.
  [[nodiscard]] bool check_lost();

  void add_poll_entry(std::vector<pollfd>& entries) const;
  [[nodiscard]] std::size_t columns() const;
  [[nodiscard]] AnswerKeys keys() const;

  static constexpr std::size_t kQueueLimit = std::size_t{256} << 10;

 private:
  QuestionTerminal(UniqueFd terminal, TerminalCompany company) : terminal_(std::move(terminal)), company_(company) {}

  UniqueFd terminal_;
  TerminalCompany company_;
  std::optional<termios> before_;  // what give_back() restores; set while the terminal is taken
  termios last_before_{};          // kept for the case that a shell brings back our own settings
  termios ours_{};
  bool ever_taken_ = false;
  std::string unshown_;
  bool lost_ = false;
};

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_QUESTION_TERMINAL_H_
