// Network namespaces (network_namespaces(7)): an empty network with loopback only.
#ifndef WRIT_BROKER_KERNEL_NETWORK_NAMESPACE_H_
#define WRIT_BROKER_KERNEL_NETWORK_NAMESPACE_H_

namespace writ {

// Gives the calling process a network namespace of its own. Raw; returns 0 or -errno.
[[nodiscard]] long enter_network_namespace();

// Brings up the loopback interface of the current network namespace, so that programs which test against local servers
// work. Raw; needs CAP_NET_ADMIN over the namespace; returns 0 or -errno (netdevice(7), SIOCSIFFLAGS).
[[nodiscard]] long bring_up_loopback();

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_NETWORK_NAMESPACE_H_
