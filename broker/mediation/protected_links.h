// Where protected names lead that are symbolic links, or lie behind one: whoever follows them outside of the sandbox
// takes orders from what is there. Looks only, once, before the tool runs. One thread at a time.
#ifndef WRIT_BROKER_MEDIATION_PROTECTED_LINKS_H_
#define WRIT_BROKER_MEDIATION_PROTECTED_LINKS_H_

#include <string>
#include <vector>

namespace writ {

// The canonical paths that differ from the names themselves and lie beneath `tree`. `names` are relative to `tree`, as
// filesystem.protect has them; what a dangling link would lead to counts as well.
[[nodiscard]] std::vector<std::string> protected_link_targets(const std::string& tree,
                                                              const std::vector<std::string>& names);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_PROTECTED_LINKS_H_
