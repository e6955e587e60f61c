#include "launcher/terminal_output_filter.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace writ {
namespace {

constexpr unsigned char kBell = 0x07;
constexpr unsigned char kCancel = 0x18;
constexpr unsigned char kSubstitute = 0x1a;
constexpr unsigned char kEscapeByte = 0x1b;
constexpr unsigned char kDelete = 0x7f;
constexpr unsigned char kC1Prefix = 0xc2;  // U+0080–U+009F in UTF-8 are this byte and then their number

constexpr unsigned char kDeviceControlString = 0x90;
constexpr unsigned char kStartOfString = 0x98;
constexpr unsigned char kControlSequence = 0x9b;
constexpr unsigned char kStringTerminator = 0x9c;
constexpr unsigned char kOperatingSystemCommand = 0x9d;
constexpr unsigned char kPrivacyMessage = 0x9e;
constexpr unsigned char kApplicationCommand = 0x9f;

constexpr unsigned kNoNumber = ~0U;
constexpr unsigned kHugeNumber = 1000000;

// Number of the command, and how its text must begin for the rule to apply.
struct CommandRule {
  unsigned number;
  std::string_view text;
};
constexpr std::array<CommandRule, 6> kDroppedCommands{{
    {50, ""},        // font query
    {52, ""},        // clipboard
    {5113, ""},      // kitty: file transfer
    {5522, ""},      // kitty: clipboard
    {1337, "Copy"},  // iTerm2: clipboard
    {1337, "EndCopy"},
}};

// Intermediate bytes and final byte of device control strings.
constexpr std::array<std::string_view, 5> kDroppedDeviceControls{
    "$q",  // DECRQSS, request of a setting
    "+q",  // XTGETTCAP
    "+p",  // XTSETTCAP
    "|",   // DECUDK, programs the function keys
    "@",   // kitty: remote control
};

bool is_ignored_inside(unsigned char byte) { return byte < 0x20 || byte == kDelete; }
bool is_c1(unsigned char byte) { return byte >= 0x80 && byte <= 0x9f; }
bool is_final(unsigned char byte) { return byte >= 0x40 && byte < kDelete; }
// A string whose content never matters here.
bool opens_plain_string(unsigned char control) {
  return control == kStartOfString || control == kPrivacyMessage || control == kApplicationCommand;
}
bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }
bool is_parameter(char byte) { return byte >= 0x30 && byte <= 0x3f; }

// The number at the start of `text`, saturated; kNoNumber when there is none.
unsigned leading_number(std::string_view text) {
  unsigned number = kNoNumber;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc::result_out_of_range ? kHugeNumber : number;
}

// Of "38;2$y": "$y".
std::string_view without_parameters(std::string_view head) {
  const auto end = std::find_if_not(head.begin(), head.end(), is_parameter);
  return head.substr(static_cast<std::size_t>(end - head.begin()));
}

bool is_dangerous_sequence(std::string_view head) {
  const std::string_view function = without_parameters(head);
  if (function == "*y" || function == "i") return true;
  const unsigned number = leading_number(head);
  return function == "t" && (number == 20 || number == 21);
}

bool is_dangerous_device_control(std::string_view head) {
  return std::ranges::find(kDroppedDeviceControls, without_parameters(head)) != kDroppedDeviceControls.end();
}

enum class Verdict : std::uint8_t { kDrop, kPass, kUndecided };

Verdict judge_text(std::string_view rule, std::string_view text, bool ended) {
  if (text.starts_with(rule)) return Verdict::kDrop;
  return !ended && rule.starts_with(text) ? Verdict::kUndecided : Verdict::kPass;
}

// `head` is what is known of the command, "52;c"; `ended` when no more comes.
Verdict judge_system_command(std::string_view head, bool ended) {
  const auto digits = static_cast<std::size_t>(std::ranges::find_if_not(head, is_digit) - head.begin());
  if (digits == head.size() && !ended) return Verdict::kUndecided;
  const unsigned number = leading_number(head);
  const std::string_view text = head.substr(std::min(digits + 1, head.size()));
  Verdict verdict = Verdict::kPass;
  for (const CommandRule& rule : kDroppedCommands) {
    if (rule.number != number) continue;
    const Verdict one = judge_text(rule.text, text, ended);
    if (one == Verdict::kDrop) return one;
    if (one == Verdict::kUndecided) verdict = one;
  }
  return verdict;
}

}  // namespace

std::size_t TerminalOutputFilter::plain_prefix(std::string_view bytes) const {
  const bool eight_bit = eight_bit_ == EightBitControls::kControls;
  const auto matters = [eight_bit](char character) {
    const auto byte = static_cast<unsigned char>(character);
    return byte == kEscapeByte || byte == kC1Prefix || byte == kBell || byte == kCancel || byte == kSubstitute ||
           (eight_bit && is_c1(byte));
  };
  return static_cast<std::size_t>(std::ranges::find_if(bytes, matters) - bytes.begin());
}

void TerminalOutputFilter::filter(std::string_view bytes, std::string& passed) {
  while (!bytes.empty()) {
    if (state_ == State::kText && held_.empty()) {
      const std::size_t plain = plain_prefix(bytes);
      passed.append(bytes.substr(0, plain));
      bytes.remove_prefix(plain);
      if (bytes.empty()) return;
    }
    step(static_cast<unsigned char>(bytes.front()), passed);
    bytes.remove_prefix(1);
  }
}

void TerminalOutputFilter::finish(std::string& passed) {
  if (!held_.empty() || open_string_) drop_held(State::kText, passed);
  state_ = State::kText;
  control_prefix_ = false;
}

bool TerminalOutputFilter::in_header() const {
  return state_ == State::kSequence || state_ == State::kSystemCommand || state_ == State::kDeviceControl;
}

bool TerminalOutputFilter::in_dropped() const {
  return state_ == State::kDroppedString || state_ == State::kDroppedSequence;
}

void TerminalOutputFilter::pass_held(std::string& passed) {
  passed.append(held_);
  held_.clear();
  head_.clear();
  after_dropped_ = false;
  state_ = State::kText;
}

void TerminalOutputFilter::drop_held(State next, std::string& passed) {
  if (!held_.empty()) ++dropped_;
  held_.clear();
  head_.clear();
  after_dropped_ = false;
  // The dropped bytes would have ended the string around them; CAN ends it in their place, without any effect.
  if (open_string_) passed.push_back(static_cast<char>(kCancel));
  open_string_ = false;
  state_ = next;
}

void TerminalOutputFilter::step(unsigned char byte, std::string& passed) {
  const bool prefixed = std::exchange(control_prefix_, false);
  const bool eight_bit = eight_bit_ == EightBitControls::kControls;
  if (is_c1(byte) && (prefixed || eight_bit)) return start_control(byte, passed);
  if (byte == kEscapeByte) return start_escape(passed);
  if (byte == kCancel || byte == kSubstitute) return cancel(byte, passed);
  if (byte == kC1Prefix && !eight_bit) return start_prefix(passed);
  switch (state_) {
    case State::kText:
      return step_text(byte, passed);
    case State::kEscape:
    case State::kEscapePercent:
      return step_escape(byte, passed);
    case State::kSequence:
      return step_sequence(byte, passed);
    case State::kSystemCommand:
      return step_system_command(byte, passed);
    case State::kDeviceControl:
      return step_device_control(byte, passed);
    case State::kDroppedString:
    case State::kDroppedSequence:
      return step_dropped(byte);
  }
}

void TerminalOutputFilter::step_text(unsigned char byte, std::string& passed) {
  hold(byte);
  pass_held(passed);
  if (byte == kBell) open_string_ = false;
}

void TerminalOutputFilter::start_escape(std::string& passed) {
  if (state_ == State::kSystemCommand) decide_system_command(true, passed);
  const bool was_dropped = in_dropped();
  if (held_.size() >= kHeldLimit) drop_held(State::kText, passed);
  hold(kEscapeByte);
  head_.clear();
  after_dropped_ = was_dropped;
  state_ = State::kEscape;
}

// 0xC2 waits for its second byte; in a header no such character can stand, so the sequence is malformed.
void TerminalOutputFilter::start_prefix(std::string& passed) {
  control_prefix_ = true;
  if (in_dropped()) return;
  if (in_header()) {
    bell_ends_ = state_ == State::kSystemCommand;
    return drop_held(state_ == State::kSequence ? State::kDroppedSequence : State::kDroppedString, passed);
  }
  if (held_.size() >= kHeldLimit) drop_held(State::kText, passed);
  hold(kC1Prefix);
  state_ = State::kText;
}

void TerminalOutputFilter::start_control(unsigned char byte, std::string& passed) {
  if (in_header()) drop_held(State::kDroppedString, passed);
  if (in_dropped()) {
    state_ = State::kText;
    if (byte == kStringTerminator) return;
    if (eight_bit_ == EightBitControls::kOrdinary) hold(kC1Prefix);  // it was dropped with the string
  }
  hold(byte);
  head_.clear();
  if (byte == kControlSequence) {
    state_ = State::kSequence;
  } else if (byte == kOperatingSystemCommand) {
    state_ = State::kSystemCommand;
  } else if (byte == kDeviceControlString) {
    state_ = State::kDeviceControl;
  } else {
    pass_held(passed);
    open_string_ = opens_plain_string(byte);
  }
}

// CAN and SUB end every sequence without effect.
void TerminalOutputFilter::cancel(unsigned char byte, std::string& passed) {
  if (in_dropped()) {
    state_ = State::kText;
    return;
  }
  hold(byte);
  pass_held(passed);
  open_string_ = false;
}

void TerminalOutputFilter::step_escape(unsigned char byte, std::string& passed) {
  if (byte >= 0x80) {  // no sequence goes on like this; terminals disagree about what it means
    drop_held(State::kText, passed);
    return step_text(byte, passed);
  }
  const bool after_percent = state_ == State::kEscapePercent;
  if (after_percent && byte == '@') return drop_held(State::kText, passed);
  if (after_dropped_ && byte == '\\') {  // the end of what was dropped
    held_.clear();
    after_dropped_ = false;
    state_ = State::kText;
    return;
  }
  if (held_.size() >= kHeldLimit) return drop_held(State::kText, passed);
  hold(byte);
  if (is_ignored_inside(byte)) return;
  switch (after_percent ? '\0' : byte) {
    case '[':
      state_ = State::kSequence;
      return;
    case ']':
      state_ = State::kSystemCommand;
      return;
    case 'P':
      state_ = State::kDeviceControl;
      return;
    case '%':
      state_ = State::kEscapePercent;
      return;
    default:
      pass_held(passed);
      // SOS, PM, APC, and the title string of screen and tmux.
      open_string_ = !after_percent && (byte == 'X' || byte == '^' || byte == '_' || byte == 'k');
  }
}

// Holds one more byte of a header; true when the caller has to look at it. Controls are executed or skipped by
// terminals without ending the sequence, so they are held but are no part of the header.
bool TerminalOutputFilter::hold_header_byte(unsigned char byte, State when_malformed, std::string& passed) {
  if (byte >= 0x80 || held_.size() >= kHeldLimit) {
    drop_held(when_malformed, passed);
    return false;
  }
  hold(byte);
  if (is_ignored_inside(byte)) return false;
  head_.push_back(static_cast<char>(byte));
  return true;
}

void TerminalOutputFilter::step_sequence(unsigned char byte, std::string& passed) {
  if (!hold_header_byte(byte, State::kDroppedSequence, passed)) {
    if (in_dropped()) step_dropped(byte);  // the byte that was too much may be the final one
    return;
  }
  if (!is_final(byte)) return;
  if (is_dangerous_sequence(head_)) return drop_held(State::kText, passed);
  pass_held(passed);
  open_string_ = false;
}

void TerminalOutputFilter::step_system_command(unsigned char byte, std::string& passed) {
  bell_ends_ = true;
  if (byte == kBell) {
    hold(byte);
    return decide_system_command(true, passed);
  }
  if (hold_header_byte(byte, State::kDroppedString, passed)) decide_system_command(false, passed);
}

// `ended`: the string ends here, by BEL or by the ESC that follows.
void TerminalOutputFilter::decide_system_command(bool ended, std::string& passed) {
  const bool by_bell = !held_.empty() && held_.back() == static_cast<char>(kBell);
  switch (judge_system_command(head_, ended)) {
    case Verdict::kDrop:
      return drop_held(by_bell ? State::kText : State::kDroppedString, passed);
    case Verdict::kPass:
      if (ended && !by_bell) return;  // stays held: it shares the fate of the sequence that interrupts it
      pass_held(passed);
      open_string_ = !ended;
      return;
    case Verdict::kUndecided:
      return;
  }
}

void TerminalOutputFilter::step_device_control(unsigned char byte, std::string& passed) {
  bell_ends_ = false;
  if (!hold_header_byte(byte, State::kDroppedString, passed) || !is_final(byte)) return;
  if (is_dangerous_device_control(head_)) return drop_held(State::kDroppedString, passed);
  pass_held(passed);
  open_string_ = true;
}

void TerminalOutputFilter::step_dropped(unsigned char byte) {
  const bool ended = state_ == State::kDroppedSequence ? is_final(byte) : bell_ends_ && byte == kBell;
  if (ended) state_ = State::kText;
}

}  // namespace writ
