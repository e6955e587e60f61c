// PatternMatcher: a compiled pattern. pattern_matcher.cc is the only file that sees PCRE2.
//
// Patterns come from a caller who may mean harm or write nonsense: steps, depth and memory of one match are limited,
// and so are length and nesting of the pattern. There is no just-in-time compiler: memory of a tool is never executable
// and writable. Texts need not be UTF-8; bytes that are not match nothing.
//
// Threads: one at a time. Fork: not used.
#ifndef WRIT_TOOLS_NATIVE_PATTERN_MATCHER_H_
#define WRIT_TOOLS_NATIVE_PATTERN_MATCHER_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tools/native/tool_failure.h"

namespace writ::tools {

enum class PatternKind {
  kRegex,  // Perl's
  kText,   // as it stands
  kGlob,   // *, ?, [a-z] within a name, ** across names; matches the whole subject
};

enum class LetterCase { kKept, kIgnored };

struct MatchPlace {
  std::size_t begin = 0;
  std::size_t end = 0;
};

class PatternMatcher {
 public:
  // Error: kInvalidArguments, what is wrong with the pattern and at which byte.
  [[nodiscard]] static ToolResult<PatternMatcher> compile(std::string_view pattern, PatternKind kind,
                                                          LetterCase letter_case);
  PatternMatcher(PatternMatcher&& other) noexcept;
  PatternMatcher& operator=(PatternMatcher&& other) noexcept;
  ~PatternMatcher();

  // The first match in `subject`, or nothing. Error: kLimit where the pattern takes too many steps on this subject.
  [[nodiscard]] ToolResult<std::optional<MatchPlace>> find(std::string_view subject);

 private:
  struct Compiled;
  explicit PatternMatcher(std::unique_ptr<Compiled> compiled);

  std::unique_ptr<Compiled> compiled_;
};

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_PATTERN_MATCHER_H_
