#include "broker/network/caller_socket.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/process_descriptor.h"

namespace writ {
namespace {

template <class T>
tl::expected<T, int> option(int socket, int name) {
  T value{};
  socklen_t length = sizeof value;
  if (::getsockopt(socket, SOL_SOCKET, name, &value, &length) != 0) return tl::unexpected<int>(errno);
  return value;
}

}  // namespace

bool CallerSocket::is_internet() const { return domain == AF_INET || domain == AF_INET6; }
bool CallerSocket::is_tcp() const { return is_internet() && type == SOCK_STREAM; }

tl::expected<std::uint64_t, int> network_cookie(int socket) {
  return option<std::uint64_t>(socket, abi::kSoNetnsCookie);
}

std::uint64_t socket_cookie(int socket) { return option<std::uint64_t>(socket, SO_COOKIE).value_or(0); }

tl::expected<CallerSocket, int> take_caller_socket(pid_t thread, int number, std::uint64_t host) {
  auto taken = take_descriptor_of(thread, number);
  if (!taken) return tl::unexpected<int>(taken.error());
  PromptSocket copy(std::move(*taken));
  const int socket = copy.get();
  const auto domain = option<int>(socket, SO_DOMAIN);
  const auto type = option<int>(socket, SO_TYPE);
  const auto network = network_cookie(socket);
  // ENOTSOCK; a socket has all three.
  if (!domain) return tl::unexpected<int>(domain.error());
  if (!type || !network) return tl::unexpected<int>(EPERM);
  const int file_flags = ::fcntl(socket, F_GETFL);
  const std::optional<int> flags = descriptor_flags(thread, number);
  CallerSocket found{thread, number, std::move(copy), *domain, *type};
  found.network = *network == host ? SocketNetwork::kHost : SocketNetwork::kSandbox;
  // Not to be seen any more: closed by another thread. Then close-on-exec is the choice that leaks nothing.
  found.close_on_exec = !flags || (*flags & O_CLOEXEC) != 0;
  found.non_blocking = (file_flags & O_NONBLOCK) != 0;
  return found;
}

}  // namespace writ
