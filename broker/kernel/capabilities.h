// Linux capabilities (capabilities(7)): a tool gets none at all, the broker keeps the few it needs.
#ifndef WRIT_BROKER_KERNEL_CAPABILITIES_H_
#define WRIT_BROKER_KERNEL_CAPABILITIES_H_

#include <cstdint>

#include "broker/base/error.h"

namespace writ {

// Empties the bounding, ambient, inheritable, permitted and effective sets of the calling thread, locks the securebits,
// and reads everything back. Raw; returns 0 or -errno (-ENOTRECOVERABLE when a set could not be emptied).
[[nodiscard]] long drop_every_capability();

// Leaves the calling process CAP_SYS_ADMIN alone, over its own user namespace: what making mounts needs. Without this
// an ordinary user's broker would also pass over the permissions of that user's own files (CAP_DAC_OVERRIDE). Raw;
// returns 0 or -errno.
[[nodiscard]] long keep_only_mount_authority();

// Checks that uid 0 has what it needs in order to start a tool that is somebody else. The error names what is missing.
// What only the view needs is not asked for here: its layer says so itself, and may be left out.
[[nodiscard]] Status require_launcher_capabilities();

// What a broker still has to do once its tool runs.
enum class BrokerStage : std::uint8_t {
  kSupervising,        // an ordinary user's: nothing that needs a capability
  kSupervisingAsRoot,  // root's: files of any owner (quarantine, report), and ending its sandboxes
  kMediatingAsRoot,    // the same, and acting as the tool (acting_identity.h)
};

// Limits the calling process to the capabilities that `stage` needs; as root the bounding set likewise. Uses libcap;
// not for use between clone and exec.
[[nodiscard]] Status limit_broker_capabilities(BrokerStage stage);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_CAPABILITIES_H_
