// The lines of `writ tool serve`: what they say, and reading them without reading ahead of what was asked for.
#ifndef WRIT_LAUNCHER_TOOL_LINES_H_
#define WRIT_LAUNCHER_TOOL_LINES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/error.h"
#include "broker/base/json_text.h"

namespace writ {

inline constexpr std::size_t kToolLineLimit = std::size_t{2} << 20;  // bytes

struct ToolLine {
  JsonValue id;        // whatever the caller wrote: a number, a text, null
  bool tools = false;  // it wants to know the tools
  std::string tool;
  JsonValue arguments;
};

// {"id": …, "tool": NAME, "arguments": {…}} or {"id": …, "tools": true}. Errors: anything else, in a sentence.
[[nodiscard]] Result<ToolLine> read_tool_line(std::string_view line);

// The id of a line that says something else than it should; null where it has none.
[[nodiscard]] JsonValue id_of_line(std::string_view line);

// Reads lines from a descriptor, which is borrowed. Threads: one.
class ToolLines {
 public:
  explicit ToolLines(int descriptor) : descriptor_(descriptor) {}
  // Waits for the next line, without its end. Nothing: the input is over. Errors: a line beyond the limit, the
  // kernel's.
  [[nodiscard]] Result<std::optional<std::string>> next();
  // True where next() would not wait for its first bytes.
  [[nodiscard]] bool is_waiting() const;

 private:
  int descriptor_;
  std::string read_;
  std::size_t looked_at_ = 0;  // of read_: no line ends before
  bool over_ = false;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_TOOL_LINES_H_
