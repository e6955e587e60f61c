// `writ learn`: run one program in a wide sandbox, see what it uses, propose a profile.
#ifndef WRIT_LAUNCHER_LEARN_COMMAND_H_
#define WRIT_LAUNCHER_LEARN_COMMAND_H_

#include "broker/sandbox/broker_start.h"
#include "launcher/ceiling_file.h"
#include "launcher/learn_options.h"

namespace writ {

// Does everything; returns the exit status of the process: the program's, or 125 when Writ failed.
[[nodiscard]] int run_learn_command(const LearnOptions& options, BrokerStart broker, const CeilingFile& ceiling);

}  // namespace writ

#endif  // WRIT_LAUNCHER_LEARN_COMMAND_H_
