// Searches one text line by line. Pure; any thread, one at a time for each matcher.
#ifndef WRIT_TOOLS_NATIVE_TEXT_SEARCH_H_
#define WRIT_TOOLS_NATIVE_TEXT_SEARCH_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/native/pattern_matcher.h"
#include "tools/native/tree_walk.h"

namespace writ::tools {

struct FoundLine {
  std::size_t line = 0;    // from 1
  std::size_t column = 0;  // of the match, in characters from 1
  std::string text;        // of the line; of a long one only what is around the match
  std::vector<std::string> before;
  std::vector<std::string> after;
};

struct LineSearch {
  PatternMatcher* matcher = nullptr;
  std::string_view needle;  // a text that a matching line has for certain; may be empty
  std::size_t context_lines = 0;
};

using FoundVisitor = std::function<WalkStep(FoundLine)>;

// Calls `found` for each line that matches, once a line. A line ends before "\n" or "\r\n". Bytes that are not UTF-8
// are shown escaped. Error: kLimit, with the number of the line.
[[nodiscard]] ToolResult<WalkStep> search_lines(std::string_view text, const LineSearch& search,
                                                const FoundVisitor& found);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_TEXT_SEARCH_H_
