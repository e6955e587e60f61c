// TerminalOutputFilter: takes the few escape sequences out of a tool's output that reach past the screen.
//
// A terminal obeys its output. Colours, cursor movement, titles and images are what programs need and pass byte for
// byte. Dropped is only what touches the user rather than the screen:
//   OSC 52, 5522, 1337;Copy…   read or write the clipboard
//   OSC 50                     font queries (their answers have carried newlines: CVE-2022-45063)
//   OSC 5113                   file transfer
//   CSI 20 t, CSI 21 t         report the title: text the tool chose comes back as if the user had typed it
//   CSI … * y                  checksum of a screen area, by which earlier output can be read back
//   CSI … i                    printing
//   DCS $q, +q, +p, |, @       requests and key programming whose answers or effects are typed input; kitty commands
//   ESC % @                    leaves UTF-8, after which the rest of this list could be spelled in other ways
// What is not complete when the output ends is dropped too: "CSI 21" would be completed by whatever the shell prints
// next.
//
// An introducer (ESC or its C1 form) is recognised in every state, so a sequence hidden in another one (the
// pass-through of tmux and screen, an unterminated title) is judged as well. A sequence that another one interrupts
// shares its fate: were only the second dropped, later text could complete the first. State is bounded, whatever the
// input.
//
// Not covered, on purpose: queries that are answered to the tool with fixed text (CSI 5n, 6n, c), links (OSC 8),
// titles, notifications, images, modes left switched on (reset(1) helps). A terminal that invents dangerous sequences
// of its own is not made safe by this; `--terminal none` is.
//
// Pure; one object per stream; not thread-safe; may be copied.
#ifndef WRIT_LAUNCHER_TERMINAL_OUTPUT_FILTER_H_
#define WRIT_LAUNCHER_TERMINAL_OUTPUT_FILTER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace writ {

// Whether a byte 0x80–0x9f is by itself a control character to the user's terminal.
enum class EightBitControls : std::uint8_t {
  kOrdinary,  // a UTF-8 terminal: only U+0080–U+009F spelled in UTF-8 are controls
  kControls,  // an eight-bit terminal (a locale that names such a character set): every such byte is one
};

class TerminalOutputFilter {
 public:
  explicit TerminalOutputFilter(EightBitControls eight_bit = EightBitControls::kOrdinary) : eight_bit_(eight_bit) {}

  // Appends what may pass of `bytes` to `passed`. At most kHeldLimit bytes of an undecided sequence are kept back, so
  // one call appends at most bytes.size() + kHeldLimit bytes.
  void filter(std::string_view bytes, std::string& passed);

  // The output has ended: forgets what was kept back and, when a control string was left open, appends CAN, so that
  // what the user's shell prints next is not swallowed by it.
  void finish(std::string& passed);

  // Number of sequences dropped so far.
  [[nodiscard]] std::size_t dropped() const { return dropped_; }

  // A control sequence whose beginning is longer than this is dropped undecided.
  static constexpr std::size_t kHeldLimit = 1024;

 private:
  enum class State : std::uint8_t {
    kText,
    kEscape,           // ESC seen
    kEscapePercent,    // ESC % seen
    kSequence,         // CSI, until its final byte
    kSystemCommand,    // OSC, until its number (and for some its first word) is known
    kDeviceControl,    // DCS, until its final byte is known
    kDroppedString,    // OSC or DCS that is being dropped, until its end
    kDroppedSequence,  // malformed CSI that is being dropped, until its end
  };

  void step(unsigned char byte, std::string& passed);
  void step_text(unsigned char byte, std::string& passed);
  void step_escape(unsigned char byte, std::string& passed);
  void step_sequence(unsigned char byte, std::string& passed);
  void step_system_command(unsigned char byte, std::string& passed);
  void step_device_control(unsigned char byte, std::string& passed);
  void step_dropped(unsigned char byte);
  void start_escape(std::string& passed);
  void start_control(unsigned char byte, std::string& passed);
  void start_prefix(std::string& passed);
  void cancel(unsigned char byte, std::string& passed);
  void decide_system_command(bool ended, std::string& passed);
  bool hold_header_byte(unsigned char byte, State when_malformed, std::string& passed);
  void hold(unsigned char byte) { held_.push_back(static_cast<char>(byte)); }
  void pass_held(std::string& passed);
  void drop_held(State next, std::string& passed);
  [[nodiscard]] bool in_header() const;
  [[nodiscard]] bool in_dropped() const;
  [[nodiscard]] std::size_t plain_prefix(std::string_view bytes) const;

  EightBitControls eight_bit_;
  State state_ = State::kText;
  bool open_string_ = false;     // a control string that was let through has not ended yet
  bool bell_ends_ = false;       // whether BEL ends the string being dropped
  bool after_dropped_ = false;   // the ESC being looked at may begin the end of a dropped string
  bool control_prefix_ = false;  // 0xC2 seen: the next byte may make it a C1 control
  std::string held_;             // raw bytes of the undecided sequence
  std::string head_;             // its header without the controls that terminals skip there
  std::size_t dropped_ = 0;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_TERMINAL_OUTPUT_FILTER_H_
