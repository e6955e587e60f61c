// UnifiedPatch: a unified diff of one file, read and applied strictly. Pure; any thread.
//
// A hunk applies at the line that it states, or, if its old lines are not there, at the only other place after the hunk
// before where they are. Every context line and every removed line must be equal byte by byte: there is no fuzz.
//
// Line ends: where a patch has no carriage return at all and every line of the file ends in \r\n, the patch speaks of
// lines, and the lines it adds get the file's ending. Otherwise a carriage return is a byte like any other.
#ifndef WRIT_TOOLS_NATIVE_UNIFIED_PATCH_H_
#define WRIT_TOOLS_NATIVE_UNIFIED_PATCH_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tools/native/tool_failure.h"

namespace writ::tools {

enum class HunkLineKind { kContext, kRemoved, kAdded };

struct HunkLine {
  HunkLineKind kind = HunkLineKind::kContext;
  std::string text;         // without the line end
  bool has_newline = true;  // false: "\ No newline at end of file" follows
};

struct PatchHunk {
  std::size_t patch_line = 0;  // where its "@@" stands, from 1
  std::size_t old_start = 0;   // as stated
  std::size_t old_lines = 0;
  std::size_t new_lines = 0;
  std::vector<HunkLine> lines;
};

class UnifiedPatch {
 public:
  // Error: kInvalidArguments, with the line of the patch that is wrong. Names in the headers are not looked at: the
  // call says which file is meant. Patches of several files, binary patches, renames and deletions are refused.
  [[nodiscard]] static ToolResult<UnifiedPatch> parse(std::string_view patch);

  // Returns the new text. Errors: kConflict where a hunk does not fit anywhere, kInvalidArguments where it fits at
  // several places. The message names the hunk.
  [[nodiscard]] ToolResult<std::string> apply(std::string_view text) const;

  [[nodiscard]] const std::vector<PatchHunk>& hunks() const { return hunks_; }
  // True when the old file is /dev/null.
  [[nodiscard]] bool creates_file() const { return creates_file_; }

 private:
  friend class PatchReader;
  UnifiedPatch() = default;

  std::vector<PatchHunk> hunks_;
  bool creates_file_ = false;
  bool has_carriage_return_ = false;
};

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_UNIFIED_PATCH_H_
