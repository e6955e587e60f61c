// Where protected names lead that are symbolic links, or lie behind one, or behind a file `.git` (git_directories.h):
// whoever follows them outside of the sandbox takes orders from what is there. Looks only, once, before the tool runs.
// One thread at a time.
#ifndef WRIT_BROKER_MEDIATION_PROTECTED_LINKS_H_
#define WRIT_BROKER_MEDIATION_PROTECTED_LINKS_H_

#include <string>
#include <vector>

namespace writ {

// The canonical paths on which the meaning of the names depends, beside the names themselves and what lies above them:
// each link on the way, be it the last part or a directory, and the end, whether it exists or not. Sorted; also those
// outside of `tree`, but never `tree` or what holds it. `names` are relative to `tree`, an absolute canonical path, as
// filesystem.protect has them.
[[nodiscard]] std::vector<std::string> protected_link_targets(const std::string& tree,
                                                              const std::vector<std::string>& names);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_PROTECTED_LINKS_H_
