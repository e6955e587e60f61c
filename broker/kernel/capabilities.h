// Linux capabilities (capabilities(7)): a tool gets none at all, the broker keeps the few it needs.
#ifndef WRIT_BROKER_KERNEL_CAPABILITIES_H_
#define WRIT_BROKER_KERNEL_CAPABILITIES_H_

#include "broker/base/error.h"

namespace writ {

// Empties the bounding, ambient, inheritable, permitted and effective sets of the calling thread, locks the securebits,
// and reads everything back. Raw; returns 0 or -errno (-ENOTRECOVERABLE when a set could not be emptied).
[[nodiscard]] long drop_every_capability();

// Limits the calling process, running as root, to what the broker needs (mounts, identities, reading what the person
// who started it may read); the bounding set likewise. Uses libcap; not for use between clone and exec.
[[nodiscard]] Status limit_broker_capabilities();

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_CAPABILITIES_H_
