#include "broker/network/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace writ {
namespace {

constexpr std::size_t kLongestValue = 16;  // TCP_CONGESTION: TCP_CA_NAME_MAX; everything else is shorter

enum class ValueForm { kAsIs, kDoubled };

struct CopiedOption {
  int level;
  int name;
  ValueForm form = ValueForm::kAsIs;
};

// Not among them: SO_REUSEPORT, by which a socket would share the port of a server of the same user; what needs a
// privilege, what names an interface or a route, TCP_FASTOPEN_CONNECT (a connect that has not happened yet), and time
// stamps and filters, which are set after connecting where they are set at all.
constexpr std::array kCopied = {
    CopiedOption{SOL_SOCKET, SO_REUSEADDR},
    CopiedOption{SOL_SOCKET, SO_KEEPALIVE},
    CopiedOption{SOL_SOCKET, SO_LINGER},
    CopiedOption{SOL_SOCKET, SO_OOBINLINE},
    CopiedOption{SOL_SOCKET, SO_RCVLOWAT},
    CopiedOption{SOL_SOCKET, SO_RCVTIMEO},
    CopiedOption{SOL_SOCKET, SO_SNDTIMEO},
    CopiedOption{SOL_SOCKET, SO_PRIORITY},
    // The kernel doubles what is set, and shows the doubled value (socket(7)).
    CopiedOption{SOL_SOCKET, SO_RCVBUF, ValueForm::kDoubled},
    CopiedOption{SOL_SOCKET, SO_SNDBUF, ValueForm::kDoubled},
    CopiedOption{IPPROTO_TCP, TCP_NODELAY},
    CopiedOption{IPPROTO_TCP, TCP_CORK},
    CopiedOption{IPPROTO_TCP, TCP_MAXSEG},
    CopiedOption{IPPROTO_TCP, TCP_KEEPIDLE},
    CopiedOption{IPPROTO_TCP, TCP_KEEPINTVL},
    CopiedOption{IPPROTO_TCP, TCP_KEEPCNT},
    CopiedOption{IPPROTO_TCP, TCP_SYNCNT},
    CopiedOption{IPPROTO_TCP, TCP_USER_TIMEOUT},
    CopiedOption{IPPROTO_TCP, TCP_NOTSENT_LOWAT},
    CopiedOption{IPPROTO_TCP, TCP_CONGESTION},
    CopiedOption{IPPROTO_IP, IP_TOS},
    CopiedOption{IPPROTO_IP, IP_TTL},
    CopiedOption{IPPROTO_IP, IP_RECVERR},
    CopiedOption{IPPROTO_IP, IP_MTU_DISCOVER},
    CopiedOption{IPPROTO_IPV6, IPV6_V6ONLY},
    CopiedOption{IPPROTO_IPV6, IPV6_TCLASS},
    CopiedOption{IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    CopiedOption{IPPROTO_IPV6, IPV6_RECVERR},
};

struct Value {
  std::array<std::byte, kLongestValue> bytes{};
  socklen_t length = kLongestValue;

  bool read(int socket, const CopiedOption& option) {
    return ::getsockopt(socket, option.level, option.name, bytes.data(), &length) == 0;
  }
  void halve() {
    int value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    value /= 2;
    std::memcpy(bytes.data(), &value, sizeof value);
  }
  bool operator==(const Value&) const = default;
};

}  // namespace

void copy_socket_options(int from, int to) {
  for (const CopiedOption& option : kCopied) {
    Value wanted;
    Value present;
    if (!wanted.read(from, option) || !present.read(to, option) || wanted == present) continue;
    if (option.form == ValueForm::kDoubled) wanted.halve();
    (void)::setsockopt(to, option.level, option.name, wanted.bytes.data(), wanted.length);
  }
}

}  // namespace writ
