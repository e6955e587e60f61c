// WaitingConnects: connects that the broker has begun and whose callers wait. One descriptor to poll for all of them.
//
// Ownership: owns the sockets. Threads: one at a time. Nothing here blocks.
#ifndef WRIT_BROKER_NETWORK_WAITING_CONNECTS_H_
#define WRIT_BROKER_NETWORK_WAITING_CONNECTS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/network/caller_socket.h"
#include "broker/network/socket_address.h"

namespace writ {

// At one time: each holds two descriptors of the broker.
inline constexpr std::size_t kWaitingConnectLimit = 256;

struct WaitingConnect {
  CallerSocket caller;
  SocketAddress address;
  PromptSocket made;  // the broker's socket on the host; none: the caller's own socket is being connected
  // The caller's SO_SNDTIMEO, after which connect(2) returns EINPROGRESS. Without it the kernel ends the attempt.
  std::optional<std::chrono::steady_clock::time_point> deadline;

  [[nodiscard]] int socket() const { return made.valid() ? made.get() : caller.descriptor.get(); }
};

class WaitingConnects {
 public:
  [[nodiscard]] static Result<WaitingConnects> make();

  // Keeps `connect` until take(). False when it cannot be watched, or at the limit; then it stays where it is.
  [[nodiscard]] bool add(std::uint64_t id, WaitingConnect& connect);
  // Those whose socket is ready, or whose deadline has passed.
  [[nodiscard]] std::vector<std::uint64_t> due() const;
  [[nodiscard]] std::optional<WaitingConnect> take(std::uint64_t id);

  [[nodiscard]] int poll_descriptor() const { return epoll_.get(); }
  [[nodiscard]] std::optional<std::chrono::milliseconds> poll_timeout() const;

 private:
  explicit WaitingConnects(UniqueFd epoll) : epoll_(std::move(epoll)) {}

  UniqueFd epoll_;
  std::map<std::uint64_t, WaitingConnect> connects_;
};

}  // namespace writ

#endif  // WRIT_BROKER_NETWORK_WAITING_CONNECTS_H_
