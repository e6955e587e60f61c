#include "broker/approval/answer_line.h"

#include <utility>

namespace writ {
namespace {

constexpr char kEscape = '\x1b';
constexpr unsigned char kBackspace = 0x08;

bool ends_line(char c) { return c == '\r' || c == '\n'; }

// The text goes on after the end of a line: more than a person types at once.
bool goes_on_after_line(std::string_view bytes) {
  const std::size_t end = bytes.find_first_of("\r\n");
  return end != std::string_view::npos && bytes.find_first_not_of("\r\n", end) != std::string_view::npos;
}

}  // namespace

void AnswerLine::open(ApprovalTime now) {
  line_.clear();
  echo_.clear();
  quiet_since_ = now;
}

bool AnswerLine::is_guarded(ApprovalTime now) const {
  return (quiet_since_ && now - *quiet_since_ < guard_) || (sequence_at_ && now - *sequence_at_ < kSequenceGuard);
}

KeyEvent AnswerLine::feed(std::string_view bytes, ApprovalTime now) {
  if (bytes.find(static_cast<char>(keys_.interrupt)) != std::string_view::npos) return KeyEvent::kInterrupt;
  const bool is_sequence = bytes.find(kEscape) != std::string_view::npos;
  if (is_sequence) sequence_at_ = now;
  if (is_guarded(now)) {
    // Whoever goes on typing has not read the question yet.
    if (quiet_since_ && now - *quiet_since_ < guard_) quiet_since_ = now;
    if (sequence_at_ && now - *sequence_at_ < kSequenceGuard) sequence_at_ = now;
    return std::exchange(line_, {}).empty() ? KeyEvent::kNothing : KeyEvent::kDiscarded;
  }
  quiet_since_.reset();
  sequence_at_.reset();
  if (goes_on_after_line(bytes)) {
    line_.clear();
    return KeyEvent::kDiscarded;
  }
  for (const char key : bytes)
    if (const KeyEvent event = take_key(static_cast<unsigned char>(key)); event != KeyEvent::kNothing) return event;
  return KeyEvent::kNothing;
}

KeyEvent AnswerLine::take_key(unsigned char key) {
  if (ends_line(static_cast<char>(key))) return KeyEvent::kLine;
  if (key == keys_.end) return line_.empty() ? KeyEvent::kEnd : KeyEvent::kNothing;
  if (key == keys_.erase || key == kBackspace) {
    erase_last();
  } else if (key == keys_.kill) {
    while (!line_.empty()) erase_last();
  } else if (key > 0x20 && key < 0x7F && line_.size() < kLengthLimit) {
    line_ += static_cast<char>(key);
    echo_ += static_cast<char>(key);
  }
  return KeyEvent::kNothing;
}

void AnswerLine::erase_last() {
  if (line_.empty()) return;
  line_.pop_back();
  echo_ += "\b \b";
}

std::string AnswerLine::take_line() { return std::exchange(line_, {}); }

std::string AnswerLine::take_echo() { return std::exchange(echo_, {}); }

}  // namespace writ
