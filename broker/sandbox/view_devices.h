// View devices: the minimal /dev of a view: harmless device nodes, the usual links, a devpts of its own.
#ifndef WRIT_BROKER_SANDBOX_VIEW_DEVICES_H_
#define WRIT_BROKER_SANDBOX_VIEW_DEVICES_H_

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/sandbox/view_mounts.h"

namespace writ {

// Places /dev in the view under assembly. `devpts` is borrowed: what becomes /dev/pts, or invalid for an empty one.
// Errors: a device of this host that is missing or is not what its name says.
[[nodiscard]] Status place_devices(ViewMounts& mounts, const UniqueFd& devpts);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_VIEW_DEVICES_H_
