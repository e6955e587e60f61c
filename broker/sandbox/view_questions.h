// Questions in a view: the places that ask rules speak of, and what is asked about there. Looks and makes detached
// mounts; changes nothing. Internal to view.cc.
#ifndef WRIT_BROKER_SANDBOX_VIEW_QUESTIONS_H_
#define WRIT_BROKER_SANDBOX_VIEW_QUESTIONS_H_

#include <span>
#include <string>
#include <vector>

#include "broker/sandbox/view.h"
#include "broker/sandbox/view_denials.h"

namespace writ {

// Opens every place that may be asked about; what does not exist now is left out. `ownership_namespace` as in
// ViewOptions. Errors: a rule for one object that is a directory, the kernel's own trees, what the kernel refuses.
[[nodiscard]] Result<std::vector<AskedTree>> plan_questions(const FilesystemPolicy& policy,
                                                            std::span<const DenialTree> trees, int ownership_namespace);

// An error for the kernel's own trees, which are interfaces to the host and not files: its processes, devices and
// settings. `path` is how it was written, `real_path` what that is.
[[nodiscard]] Status refuse_kernel_trees(const std::string& path, PathAccess access, const std::string& real_path);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_VIEW_QUESTIONS_H_
