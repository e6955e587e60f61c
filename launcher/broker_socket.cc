#include "launcher/broker_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "broker/protocol/message.h"

namespace writ {

Result<UniqueFd> take_broker_socket() {
  int type = 0;
  socklen_t length = sizeof type;
  if (::getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_SEQPACKET)
    return fail("standard input is no broker socket", "`writ tool run` starts a program with one");
  UniqueFd socket(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!socket.valid()) return fail_errno(errno, "cannot take the broker socket");
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null.valid() || ::dup2(null.get(), STDIN_FILENO) < 0) return fail_errno(errno, "cannot empty standard input");
  return socket;
}

void give_broker_socket(int socket, std::vector<GrantedDescriptor>& descriptors,
                        std::vector<std::string>& environment) {
  descriptors.push_back({kBrokerDescriptor, socket});
  environment.push_back(std::string(kBrokerVariable).append("=").append(std::to_string(kBrokerDescriptor)));
}

}  // namespace writ
