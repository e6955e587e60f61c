// Exact replacements in a text. Pure; any thread.
#ifndef WRIT_TOOLS_NATIVE_TEXT_EDITS_H_
#define WRIT_TOOLS_NATIVE_TEXT_EDITS_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "tools/native/tool_failure.h"

namespace writ::tools {

enum class Occurrences { kOne, kAll };

struct TextEdit {
  std::string old_text;
  std::string new_text;
  Occurrences occurrences = Occurrences::kOne;
};

struct EditedText {
  std::string text;
  std::size_t replacements = 0;
};

// Applies the edits one after the other, each to what the one before left. Bytes are compared as they are.
// Errors (with the number of the edit, and nothing is applied): kInvalidArguments where `old_text` is empty or equal to
// `new_text`, or stands in the text more than once although one place was meant; kConflict where it is not there.
[[nodiscard]] ToolResult<EditedText> apply_edits(std::string text, std::span<const TextEdit> edits);

// "2, 17 and 30 more": the lines of `text` in which `places` (offsets, ascending) are.
[[nodiscard]] std::string lines_of(std::string_view text, std::span<const std::size_t> places);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_TEXT_EDITS_H_
