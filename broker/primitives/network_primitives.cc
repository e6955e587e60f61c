#include "broker/primitives/network_primitives.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/strict_object.h"
#include "broker/network/socket_address.h"
#include "broker/policy/ip_address.h"
#include "broker/primitives/argument_reading.h"

namespace writ {
namespace {

using Clock = std::chrono::steady_clock;

struct Destination {
  std::vector<IpAddress> addresses;  // to be tried in this order
  std::uint16_t port = 0;
};

std::optional<IpAddress> numeric_address(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (auto four = parse_ipv4(host)) return four;
  return parse_ipv6(host);
}

Attempt<Destination> destination_argument(const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const std::string host, valid(object.text("host")));
  WRIT_ATTEMPT(const std::int64_t port, valid(object.integer("port")));
  WRIT_REQUIRE(valid(object.finish()));
  if (port < 1 || port > 65535) return refuse(PrimitiveCode::kInvalidArguments, "port is out of range");
  Destination destination{{}, static_cast<std::uint16_t>(port)};
  if (host == "localhost") {
    destination.addresses = {*parse_ipv4("127.0.0.1"), *parse_ipv6("::1")};
    return destination;
  }
  const auto numeric = numeric_address(host);
  if (!numeric && is_host_name(host)) return refuse(PrimitiveCode::kUnavailable, "names are not looked up");
  if (!numeric) return refuse(PrimitiveCode::kInvalidArguments, "host is neither an address nor a name");
  destination.addresses = {as_destination(*numeric)};
  return destination;
}

// 0: it is connected; else the errno.
int wait_connected(int socket, int cancel, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return ETIMEDOUT;
    std::array<pollfd, 2> entries{{{socket, POLLOUT, 0}, {cancel, POLLIN, 0}}};
    const int ready = ::poll(entries.data(), entries.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return errno;
    if (ready <= 0) continue;
    if (entries[1].revents != 0) return ECANCELED;
    int failed = 0;
    socklen_t length = sizeof failed;
    return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &failed, &length) == 0 ? failed : errno;
  }
}

int connect_to(int socket, int domain, const IpAddress& address, std::uint16_t port, int cancel,
               Clock::time_point until) {
  SocketAddress wanted;
  wanted.address = address;
  wanted.port = port;
  sockaddr_storage bytes{};
  const socklen_t length = write_socket_address(domain, wanted, bytes);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&bytes), length) == 0) return 0;
  return errno == EINPROGRESS ? wait_connected(socket, cancel, until) : errno;
}

tl::unexpected<PrimitiveFailure> refuse_connection(int failed) {
  const PrimitiveCode code = failed == ETIMEDOUT   ? PrimitiveCode::kTimedOut
                             : failed == ECANCELED ? PrimitiveCode::kCancelled
                                                   : PrimitiveCode::kFailed;
  return refuse(code, std::string("cannot connect: ") + std::strerror(failed));
}

Attempt<UniqueFd> connected_socket(const IpAddress& address, std::uint16_t port, const NetworkContext& context) {
  const int domain = is_ipv4(address) ? AF_INET : AF_INET6;
  UniqueFd socket(::socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return refuse_connection(errno);
  const int failed = connect_to(socket.get(), domain, address, port, context.cancel, Clock::now() + context.time_limit);
  if (failed != 0) return refuse_connection(failed);
  // Whoever gets it waits in its reads and writes.
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (::fcntl(socket.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) return refuse_connection(errno);
  return socket;
}

}  // namespace

PrimitiveResult network_connect(NetworkContext& context, const JsonObject& arguments) {
  WRIT_ATTEMPT(const Destination destination, destination_argument(arguments));
  std::optional<PrimitiveFailure> last;
  for (const IpAddress& address : destination.addresses) {
    const std::string text = address_text(address, destination.port);
    Attempt<Permit> permit = context.authority.authorize(CapabilityRight::kConnect, "network:" + text);
    if (!permit) {
      if (!last) last = std::move(permit.error());
      continue;
    }
    WRIT_REQUIRE(permit->begin());
    Attempt<UniqueFd> socket = connected_socket(address, destination.port, context);
    permit->settle(EffectOutcome::kDone);  // something was sent
    if (!socket) {
      last = std::move(socket.error());
      continue;
    }
    PrimitiveReply reply{JsonObject().set("address", text)};
    reply.descriptors.push_back(std::move(*socket));
    return reply;
  }
  return tl::unexpected<PrimitiveFailure>(std::move(*last));
}

}  // namespace writ
