// SandboxFreezer: what stops a sandbox as a whole better than signals can: the freezer of its control group. A run that
// has one is paused through it, every other one by its init (process_pause.h).
#ifndef WRIT_BROKER_SANDBOX_SANDBOX_FREEZER_H_
#define WRIT_BROKER_SANDBOX_SANDBOX_FREEZER_H_

#include "broker/base/error.h"

namespace writ {

class SandboxFreezer {
 public:
  virtual ~SandboxFreezer() = default;
  // Nothing in the sandbox runs any more when this returns; kills still work. Error: not all of it could be stopped;
  // thaw() lets go what was.
  [[nodiscard]] virtual Status freeze() = 0;
  // Takes back freeze().
  [[nodiscard]] virtual Status thaw() = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_SANDBOX_FREEZER_H_
