// View accounts: what stands in the place of the host's /etc/passwd and /etc/group.
#ifndef WRIT_BROKER_SANDBOX_VIEW_ACCOUNTS_H_
#define WRIT_BROKER_SANDBOX_VIEW_ACCOUNTS_H_

#include "broker/base/error.h"
#include "broker/sandbox/view.h"
#include "broker/sandbox/view_mounts.h"

namespace writ {

// Host accounts are nobody's business in a sandbox, and the tool's identity may have none. Covers the two files, where
// the host has them, in the /etc of the view. Errors: as ViewMounts::attach().
[[nodiscard]] Status place_accounts(ViewMounts& mounts, const ViewOptions& options);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_VIEW_ACCOUNTS_H_
