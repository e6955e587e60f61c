// read_file: the text of a file, or a range of its lines.
#ifndef WRIT_TOOLS_NATIVE_READ_FILE_TOOL_H_
#define WRIT_TOOLS_NATIVE_READ_FILE_TOOL_H_

#include "tools/native/tool_failure.h"

namespace writ::tools {

// {path, offset_line?, limit_lines?, max_bytes?} → {text, first_line, lines, total_lines?, content_sha256?, truncated}
//
// A small file comes as text from the broker; a larger one as a descriptor, and is read in pieces, so that a few lines
// of a big file cost no memory. total_lines and content_sha256 need the whole file: they are there for files of up to
// 256 MiB. `truncated`: the file goes on after the text.
// Errors: kWrongKind where the text is not UTF-8; otherwise those of file_tools.h.
[[nodiscard]] ToolResult<JsonValue> read_file(BrokerDoor& door, const JsonValue& arguments);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_READ_FILE_TOOL_H_
