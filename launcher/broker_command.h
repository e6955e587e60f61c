// `writ broker`: the daemon of one person (broker/daemon/daemon.h), with everything around it.
#ifndef WRIT_LAUNCHER_BROKER_COMMAND_H_
#define WRIT_LAUNCHER_BROKER_COMMAND_H_

#include "launcher/broker_options.h"
#include "launcher/ceiling_file.h"

namespace writ {

// Returns when the daemon was told to end: 0, or 125 when it could not work. Call before anything is forked.
int run_broker_command(const BrokerOptions& options, const CeilingFile& ceiling);

}  // namespace writ

#endif  // WRIT_LAUNCHER_BROKER_COMMAND_H_
