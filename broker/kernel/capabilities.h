// Linux capabilities (capabilities(7)): a tool gets none at all, the broker keeps the few it needs.
#ifndef WRIT_BROKER_KERNEL_CAPABILITIES_H_
#define WRIT_BROKER_KERNEL_CAPABILITIES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "broker/base/error.h"

namespace writ {

// Empties the bounding, ambient, inheritable, permitted and effective sets of the calling thread, locks the securebits,
// and reads everything back. Raw; returns 0 or -errno (-ENOTRECOVERABLE when a set could not be emptied).
[[nodiscard]] long drop_every_capability();

// Leaves the calling process CAP_SYS_ADMIN, over its own user namespace, which is what making mounts needs, and
// CAP_SETPCAP, with which the bounding set is emptied later. Without this an ordinary user's broker would also pass
// over the permissions of that user's own files (CAP_DAC_OVERRIDE). Raw; returns 0 or -errno.
[[nodiscard]] long keep_only_mount_authority();

// The same with CAP_SETFCAP alone, which who clones a process into a user namespace must have if that process is to map
// uid 0 of the outer one (user_namespaces(7)); and with none. The bounding set stays: for a process that executes
// nothing. Raw; return 0 or -errno.
[[nodiscard]] long keep_only_identity_authority();
[[nodiscard]] long keep_no_capability();

// Checks that uid 0 has what it needs in order to start a tool that is somebody else. The error names what is missing.
// What only the view needs is not asked for here: its layer says so itself, and may be left out.
[[nodiscard]] Status require_launcher_capabilities();

// What a broker still has to do once its tool runs.
enum class BrokerStage : std::uint8_t {
  kSupervising,         // an ordinary user's: nothing that needs a capability
  kSupervisingAsRoot,   // root's: files of any owner (quarantine, report), and ending its sandboxes
  kMediatingAsRoot,     // the same, and acting as the tool (acting_identity.h)
  kServingTools,        // an ordinary user's that makes further sandboxes: mounts, in its own namespace
  kServingToolsAsRoot,  // root's: all of that, and whom the tools are
};

// Limits the calling process to the capabilities that `stage` needs; the bounding set likewise where the process may
// change it (CAP_SETPCAP), and the ambient set to none. Uses libcap; not for use between clone and exec.
[[nodiscard]] Status limit_broker_capabilities(BrokerStage stage);

// The effective capabilities of the calling process, as libcap names them: "cap_kill".
[[nodiscard]] std::vector<std::string> held_capabilities();

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_CAPABILITIES_H_
