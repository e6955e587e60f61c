// UTS namespaces (uts_namespaces(7)): a host name of the sandbox's own.
#ifndef WRIT_BROKER_KERNEL_UTS_NAMESPACE_H_
#define WRIT_BROKER_KERNEL_UTS_NAMESPACE_H_

#include <cstddef>

namespace writ {

// Gives the calling process a UTS namespace of its own. Raw; returns 0 or -errno.
[[nodiscard]] long enter_uts_namespace();

// Sets the host name of the current UTS namespace, `length` ≤ 64 bytes (sethostname(2)). Raw; returns 0 or -errno.
[[nodiscard]] long set_host_name(const char* name, std::size_t length);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_UTS_NAMESPACE_H_
