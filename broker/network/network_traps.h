// Which calls wait for the broker where rules about addresses are in force. Pure; any thread.
#ifndef WRIT_BROKER_NETWORK_NETWORK_TRAPS_H_
#define WRIT_BROKER_NETWORK_NETWORK_TRAPS_H_

#include <vector>

#include "broker/policy/listener_filter.h"

namespace writ {

// connect, bind and listen always; sending with MSG_FASTOPEN, which connects as well; and the socket options that lead
// an established connection elsewhere (source routes, another interface) or let sending connect (TCP_FASTOPEN_CONNECT).
// sendto and sendmsg with an address are not trapped: sockets of the sandbox's own network reach nothing but itself,
// and the others, all of them TCP, ignore it.
[[nodiscard]] std::vector<TrappedCall> network_traps();

// The errno for a trapped call that is never done, whatever its arguments; 0 for connect, bind and listen.
[[nodiscard]] int constant_refusal(std::uint32_t number);

}  // namespace writ

#endif  // WRIT_BROKER_NETWORK_NETWORK_TRAPS_H_
