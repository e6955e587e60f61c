// What a view was made from, so that a view which waits for its tool can be compared with the host as it is by then.
#ifndef WRIT_BROKER_SANDBOX_VIEW_WITNESS_H_
#define WRIT_BROKER_SANDBOX_VIEW_WITNESS_H_

#include <string>

#include "broker/policy/profile.h"

namespace writ {

// Which object every granted path is, which secrets exist, and which protected names are there in writable trees. A
// view is still right when this is what it was before the view was built: a secret or a protected file that appeared
// since would be neither hidden nor protected in it. Empty when something cannot be looked at.
[[nodiscard]] std::string witness_view_inputs(const Profile& profile);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_VIEW_WITNESS_H_
