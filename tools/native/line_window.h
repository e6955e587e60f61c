// LineWindow: keeps a range of lines of a text that comes in pieces, and counts the others. Pure; holds no more than
// the bytes that it was allowed.
#ifndef WRIT_TOOLS_NATIVE_LINE_WINDOW_H_
#define WRIT_TOOLS_NATIVE_LINE_WINDOW_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace writ::tools {

struct LineRange {
  std::uint64_t first = 1;  // counted from 1
  std::uint64_t count = UINT64_MAX;
  std::uint64_t max_bytes = 0;
};

class LineWindow {
 public:
  explicit LineWindow(LineRange range) : range_(range) {}

  void feed(std::string_view piece);
  // The text has come to its end, or no more of it is wanted. Where the bytes did not suffice, the window then ends
  // with the last whole line; the start of a single line that is longer than the window ends with a whole character.
  void finish();

  // True when nothing that comes can become part of the window.
  [[nodiscard]] bool is_full() const { return cut_ || line_ >= end_line(); }

  // After finish():
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::uint64_t lines() const { return lines_; }
  [[nodiscard]] std::uint64_t total_lines() const { return line_ - 1 + (in_line_ ? 1 : 0); }
  // True when the text that was fed goes on after the window.
  [[nodiscard]] bool has_more() const { return more_; }

 private:
  [[nodiscard]] std::uint64_t end_line() const;
  void keep(std::string_view part);

  LineRange range_;
  std::string text_;
  std::uint64_t line_ = 1;  // the line that the next byte belongs to
  std::uint64_t lines_ = 0;
  bool in_line_ = false;  // that line has a byte already
  bool cut_ = false;      // range_.max_bytes did not suffice
  bool more_ = false;
};

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_LINE_WINDOW_H_
