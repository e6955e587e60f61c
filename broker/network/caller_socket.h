// CallerSocket: the socket that a trapped call is about: the very open file, taken out of the caller's table once.
//
// What the broker finds out about it, and does to it, is about this file, whatever the caller puts under its number in
// the meantime. Threads: one at a time.
#ifndef WRIT_BROKER_NETWORK_CALLER_SOCKET_H_
#define WRIT_BROKER_NETWORK_CALLER_SOCKET_H_

#include <sys/types.h>

#include <cstdint>
#include <tl/expected.hpp>

#include "broker/network/prompt_socket.h"

namespace writ {

// In which network namespace a socket was made; it stays there for ever, whoever holds it.
enum class SocketNetwork : std::uint8_t { kSandbox, kHost };

struct CallerSocket {
  pid_t thread = 0;
  int number = -1;          // in the caller's table
  PromptSocket descriptor;  // our copy
  int domain = 0;
  int type = 0;
  SocketNetwork network = SocketNetwork::kSandbox;
  bool close_on_exec = false;  // of the caller's number
  bool non_blocking = false;

  [[nodiscard]] bool is_internet() const;
  [[nodiscard]] bool is_tcp() const;
};

// SO_NETNS_COOKIE (Linux 5.14): the same for all sockets of one network namespace, and never given to another one.
[[nodiscard]] tl::expected<std::uint64_t, int> network_cookie(int socket);
// SO_COOKIE: of the one socket, never used again.
[[nodiscard]] std::uint64_t socket_cookie(int socket);

// Takes the caller's descriptor `number`. `host` is the network_cookie() of the broker's own sockets. Errors: the errno
// that the call ends with: EBADF, ENOTSOCK, EPERM where the caller may not be looked at.
[[nodiscard]] tl::expected<CallerSocket, int> take_caller_socket(pid_t thread, int number, std::uint64_t host);

}  // namespace writ

#endif  // WRIT_BROKER_NETWORK_CALLER_SOCKET_H_
