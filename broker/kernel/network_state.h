// What a network namespace shows of its past: counters and sockets (proc_pid_net(5)). A namespace with
// nothing but loopback may be used by somebody else only if it shows exactly what a new one shows.
//
// Raw system calls on plain data, no allocation: usable between clone and exec.
#ifndef WRIT_BROKER_KERNEL_NETWORK_STATE_H_
#define WRIT_BROKER_KERNEL_NETWORK_STATE_H_

#include <array>
#include <cstddef>

namespace writ {

struct NetworkState {
  std::size_t size = 0;
  std::array<char, 16384> bytes{};  // a new namespace has about 9 KB
};

// Reads the state of the caller's network namespace; `proc` is a borrowed descriptor of a /proc that shows the caller.
// Raw; returns 0 or -errno: ENOSPC when it does not fit, which a new one does.
//
// It holds the counters of devices, IP, ICMP, TCP, UDP and MPTCP, and the numbers of sockets of every family and of
// connections in TIME_WAIT. The tables of sockets are not read: walking the kernel's table of connections takes
// milliseconds, and without a socket and a packet nothing stands in any of them, nor in those of multicast memberships.
// Left out is what the kernel counts for the whole host (memory and orphans of all TCP sockets), which differs between
// two looks at a new namespace.
[[nodiscard]] long read_network_state(int proc, NetworkState& state);

[[nodiscard]] bool is_same(const NetworkState& one, const NetworkState& other);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_NETWORK_STATE_H_
