#include "tools/native/line_window.h"

#include <algorithm>
#include <cstddef>

#include "tools/native/utf8_cutting.h"

namespace writ::tools {

std::uint64_t LineWindow::end_line() const {
  return range_.count > UINT64_MAX - range_.first ? UINT64_MAX : range_.first + range_.count;
}

void LineWindow::keep(std::string_view part) {
  if (line_ < range_.first) return;
  if (is_full()) {
    more_ = true;
    return;
  }
  const std::uint64_t room = range_.max_bytes - text_.size();
  cut_ = part.size() > room;
  more_ = more_ || cut_;
  text_.append(part.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(room, part.size()))));
}

void LineWindow::feed(std::string_view piece) {
  while (!piece.empty()) {
    const std::size_t newline = piece.find('\n');
    const std::size_t size = newline == std::string_view::npos ? piece.size() : newline + 1;
    keep(piece.substr(0, size));
    in_line_ = newline == std::string_view::npos;
    if (!in_line_) ++line_;
    piece.remove_prefix(size);
  }
}

void LineWindow::finish() {
  if (cut_) {
    const std::size_t last = text_.rfind('\n');
    text_.resize(last == std::string::npos ? utf8_prefix(text_, text_.size()).size() : last + 1);
  }
  lines_ = static_cast<std::uint64_t>(std::count(text_.begin(), text_.end(), '\n'));
  if (!text_.empty() && text_.back() != '\n') ++lines_;
}

}  // namespace writ::tools
