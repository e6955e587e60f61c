#include "tools/native/http_exchange.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "tools/native/descriptor_reading.h"

namespace writ::tools {
namespace {

using Clock = std::chrono::steady_clock;

tl::unexpected<ToolFailure> broken_connection() {
  return refuse(FailureCode::kFailed, "the connection to the server broke");
}

// Waits until the socket can be read from or written to (`events`).
ToolResult<void> await(int socket, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return refuse(FailureCode::kTimedOut, "the server did not answer in time");
    struct pollfd waited {
      socket, events, 0
    };
    const int ready = ::poll(&waited, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return broken_connection();
  }
}

bool is_passing(int error) { return error == EINTR || error == EAGAIN || error == EWOULDBLOCK; }

// sendmsg(2) and recvmsg(2) are what the broker socket needs too: a tool makes no other call on sockets.
enum class Direction { kOut, kIn };

ssize_t transfer(int socket, std::span<char> bytes, Direction direction) {
  struct iovec place {
    bytes.data(), bytes.size()
  };
  struct msghdr message {};
  message.msg_iov = &place;
  message.msg_iovlen = 1;
  return direction == Direction::kOut ? ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT)
                                      : ::recvmsg(socket, &message, MSG_DONTWAIT);
}

ToolResult<void> send_all(int socket, std::string_view request, Clock::time_point deadline) {
  std::string bytes(request);  // an iovec cannot be constant
  for (std::size_t sent = 0; sent < bytes.size();) {
    WRIT_TOOL_TRY(await(socket, POLLOUT, deadline));
    const ssize_t count = transfer(socket, std::span(bytes).subspan(sent), Direction::kOut);
    if (count < 0 && !is_passing(errno)) return broken_connection();
    if (count > 0) sent += static_cast<std::size_t>(count);
  }
  return {};
}

}  // namespace

ToolResult<HttpResponse> exchange_http(int socket, std::string_view request, ExchangeLimits limits) {
  const Clock::time_point deadline = Clock::now() + limits.time;
  WRIT_TOOL_TRY(send_all(socket, request, deadline));
  HttpResponseReader reader(limits.max_body);
  std::vector<char> piece(kReadPiece);
  for (;;) {
    WRIT_TOOL_TRY(await(socket, POLLIN, deadline));
    const ssize_t count = transfer(socket, piece, Direction::kIn);
    if (count < 0 && is_passing(errno)) continue;
    if (count < 0) return broken_connection();
    if (count == 0) {
      WRIT_TOOL_TRY(reader.end());
      return reader.take();
    }
    WRIT_TOOL_ASSIGN(const ReadingState state, reader.feed({piece.data(), static_cast<std::size_t>(count)}));
    if (state == ReadingState::kComplete) return reader.take();
  }
}

}  // namespace writ::tools
