// A text as lines. Pure; the views are into the text.
#ifndef WRIT_TOOLS_NATIVE_TEXT_LINES_H_
#define WRIT_TOOLS_NATIVE_TEXT_LINES_H_

#include <string_view>
#include <vector>

namespace writ::tools {

// Each line with its "\n", but for a last one that has none. An empty text has no lines.
[[nodiscard]] inline std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const std::size_t size = newline == std::string_view::npos ? text.size() : newline + 1;
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_TEXT_LINES_H_
