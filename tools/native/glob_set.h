// GlobSet: which files a search is about. A glob without "/" is held against the name, one with "/" against the path
// below the place of the search; {a,b} means one or the other. A file matches when one glob of the set does.
#ifndef WRIT_TOOLS_NATIVE_GLOB_SET_H_
#define WRIT_TOOLS_NATIVE_GLOB_SET_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/native/pattern_matcher.h"

namespace writ::tools {

class GlobSet {
 public:
  // Error: kInvalidArguments where a glob is wrong, or its braces mean too many globs.
  [[nodiscard]] static ToolResult<GlobSet> compile(std::span<const std::string> globs);

  // `path`: below the place of the search. An empty set matches everything. Error: kLimit.
  [[nodiscard]] ToolResult<bool> matches(std::string_view path);

 private:
  struct Glob {
    PatternMatcher matcher;
    bool names_only;
  };
  GlobSet() = default;

  std::vector<Glob> globs_;
};

// The globs without braces that `glob` means: "*.{cc,h}" → "*.cc", "*.h". Braces may stand inside each other; a
// backslash takes their meaning. Error: kInvalidArguments where a brace is not closed, or there are more than 64.
[[nodiscard]] ToolResult<std::vector<std::string>> expand_braces(std::string_view glob);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_GLOB_SET_H_
