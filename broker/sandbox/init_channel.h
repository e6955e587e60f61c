// The messages from inside a new sandbox to the broker: one report, with at most one descriptor. Raw system calls on
// plain data only; used by init, and by the tool's process between clone and exec.
#ifndef WRIT_BROKER_SANDBOX_INIT_CHANNEL_H_
#define WRIT_BROKER_SANDBOX_INIT_CHANNEL_H_

#include "broker/sandbox/child_plan.h"

namespace writ {

// Sends `report` over the borrowed SOCK_SEQPACKET socket, with a copy of the borrowed `descriptor` unless it is -1.
// Returns what sendmsg(2) does; -EPIPE when the broker is gone.
long send_init_report(int socket, const InitReport& report, int descriptor = -1);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_INIT_CHANNEL_H_
