// What running sandboxes say came of a revocation, for `writ caps revoke`.
#ifndef WRIT_LAUNCHER_CAPS_RUNS_H_
#define WRIT_LAUNCHER_CAPS_RUNS_H_

#include <span>
#include <string>
#include <vector>

#include "broker/authority/live_grants.h"
#include "launcher/caps_print.h"

namespace writ {

// Waits until every run that was given something by the revoked `id` has said what came of it, five seconds at most;
// those that have not are in the result without an outcome. kKilled orders that holders are ended. Errors: of the
// store.
[[nodiscard]] Result<std::vector<LiveGrant>> outcomes_of_runs(const CapabilityId& id, HolderFate holders);

// A paragraph for each, for people.
[[nodiscard]] std::string outcomes_text(std::span<const LiveGrant> runs);

// The capability as `writ caps inspect --json` prints it, with a member "runs".
[[nodiscard]] std::string revoked_json(const ShownCapability& shown, std::span<const LiveGrant> runs);

}  // namespace writ

#endif  // WRIT_LAUNCHER_CAPS_RUNS_H_
