// AnswerLine: keys → one typed line, for the answer to a question. Pure; the caller brings bytes and time.
//
// What must not count as an answer: keys that were typed before the question could be read. So keys count only after a
// guard time without any key. A terminal also "types" by itself (reports of the mouse, answers to queries, text that is
// pasted): what has an ESC in it, and what comes after that at once, is thrown away, and so is what arrives in one
// piece and goes on after the end of a line.
#ifndef WRIT_BROKER_APPROVAL_ANSWER_LINE_H_
#define WRIT_BROKER_APPROVAL_ANSWER_LINE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/approval/approval_clock.h"

namespace writ {

enum class KeyEvent : std::uint8_t {
  kNothing,    // nothing yet, or nothing that counts
  kLine,       // Enter: take_line()
  kEnd,        // end-of-file key on an empty line
  kInterrupt,  // interrupt key; also within the guard time
  kDiscarded,  // the line was thrown away: show the prompt again
};

// The keys of the terminal (termios(3), c_cc).
struct AnswerKeys {
  unsigned char interrupt = 0x03;
  unsigned char end = 0x04;
  unsigned char erase = 0x7F;  // backspace (0x08) erases as well
  unsigned char kill = 0x15;
};

class AnswerLine {
 public:
  explicit AnswerLine(std::chrono::milliseconds guard) : guard_(guard) {}

  void set_keys(const AnswerKeys& keys) { keys_ = keys; }
  // The question can be read from `now` on: the guard time begins.
  void open(ApprovalTime now);
  // The same question goes on: an empty line, and no new guard time.
  void clear() { line_.clear(); }

  // Takes what was read in one piece.
  [[nodiscard]] KeyEvent feed(std::string_view bytes, ApprovalTime now);

  [[nodiscard]] std::string take_line();
  // What the terminal has to show of the keys since the last call.
  [[nodiscard]] std::string take_echo();

  static constexpr std::size_t kLengthLimit = 16;
  // After ESC, this long.
  static constexpr std::chrono::milliseconds kSequenceGuard{150};

 private:
  [[nodiscard]] bool is_guarded(ApprovalTime now) const;
  [[nodiscard]] KeyEvent take_key(unsigned char key);
  void erase_last();

  std::chrono::milliseconds guard_;
  AnswerKeys keys_;
  std::optional<ApprovalTime> quiet_since_;  // while the guard time runs
  std::optional<ApprovalTime> sequence_at_;  // when ESC, or something after it, came last
  std::string line_;
  std::string echo_;
};

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_ANSWER_LINE_H_
