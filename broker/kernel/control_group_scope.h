// A transient scope of systemd (systemd.scope(5)) as a control group: the service manager of the person, or root's of
// the system, makes it, and removes it when nothing is left in it. Internal to broker/kernel.
#ifndef WRIT_BROKER_KERNEL_CONTROL_GROUP_SCOPE_H_
#define WRIT_BROKER_KERNEL_CONTROL_GROUP_SCOPE_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/kernel/control_group_backend.h"

namespace writ {

// Has the process `member` put into a scope called `name`. Takes up to kScopePatience. Errors: the service manager
// refuses or does not answer; the scope has not come; its directory is not ours to write.
[[nodiscard]] Result<GroupDirectory> make_scope(const ControlGroupPlace& place, const std::string& name, pid_t member,
                                                const ControlGroupLimits& limits);

// The words behind `busctl`, which the service manager must understand: systemd 240 and newer. Pure.
[[nodiscard]] std::vector<std::string> scope_order(const std::string& socket, const std::string& name, pid_t member,
                                                   const ControlGroupLimits& limits);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_CONTROL_GROUP_SCOPE_H_
