// The broker socket of a program that `writ tool run` starts: how it gets from the process that serves it to the
// program, through the `writ run` in between.
#ifndef WRIT_LAUNCHER_BROKER_SOCKET_H_
#define WRIT_LAUNCHER_BROKER_SOCKET_H_

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/sandbox/plan_writer.h"

namespace writ {

// `writ run` gets the socket as its standard input: takes it from there, and leaves /dev/null. Error: it is no such
// socket.
[[nodiscard]] Result<UniqueFd> take_broker_socket();

// Gives it to the tool, at the number and by the variable that the protocol names. `socket` is borrowed.
void give_broker_socket(int socket, std::vector<GrantedDescriptor>& descriptors, std::vector<std::string>& environment);

}  // namespace writ

#endif  // WRIT_LAUNCHER_BROKER_SOCKET_H_
