// Advice about a profile that is right: what has no effect, what gives more than it looks, what misses a word. Pure;
// any thread.
#ifndef WRIT_LAUNCHER_PROFILE_LINT_H_
#define WRIT_LAUNCHER_PROFILE_LINT_H_

#include <string>
#include <string_view>
#include <vector>

#include "launcher/profile_reading.h"

namespace writ {

struct LintFinding {
  std::string_view code;  // "unused-variable", for programs and for looking it up
  std::string place;      // "my.yaml:12", escaped; empty when it is in no file
  std::string message;    // escaped
};

// Looks at the profile itself, not at what it extends. `home` is the person's.
[[nodiscard]] std::vector<LintFinding> lint_profile(const ReadProfile& read, const std::string& home);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_LINT_H_
