// Walks a tree of the workspace through filesystem.read_directory. Directories and files come in the order of their
// names, so that two walks of the same tree see the same. Links are not followed.
#ifndef WRIT_TOOLS_NATIVE_TREE_WALK_H_
#define WRIT_TOOLS_NATIVE_TREE_WALK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tools/native/tool_failure.h"

namespace writ::tools {

enum class HiddenNames { kPassedOver, kSeen };  // names that start with "."
enum class WalkStep { kGoOn, kStop };

struct WalkedFile {
  const std::string& path;    // as the broker wants it
  std::string_view relative;  // a part of `path`: below the place where the walk began
};

struct WalkOutcome {
  std::uint64_t skipped = 0;  // files and directories that could not be looked at
  bool complete = true;       // false: stopped, or a directory has more entries than can be listed
};

using FileVisitor = std::function<ToolResult<WalkStep>(const WalkedFile&)>;

// Calls `visit` for each regular file below `root`, or for `root` where that is a file. A place below `root` that may
// not be read is counted and passed over. Errors: `root` cannot be read; the broker is out of reach or a limit is
// reached; what `visit` returned.
[[nodiscard]] ToolResult<WalkOutcome> walk_tree(BrokerDoor& door, const std::string& root, HiddenNames hidden,
                                                const FileVisitor& visit);

// True where a refusal concerns only the file or directory that was asked for, so that others can still be looked at.
[[nodiscard]] bool concerns_one_place(FailureCode code);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_TREE_WALK_H_
