#include "broker/network/waiting_connects.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace writ {

Result<WaitingConnects> WaitingConnects::make() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return fail_errno(errno, "cannot watch the sockets that are being connected");
  return WaitingConnects(std::move(epoll));
}

bool WaitingConnects::add(std::uint64_t id, WaitingConnect& connect) {
  if (connects_.size() >= kWaitingConnectLimit) return false;
  epoll_event event{};
  event.events = EPOLLOUT;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connect.socket(), &event) != 0) return false;
  return connects_.try_emplace(id, std::move(connect)).second;
}

std::vector<std::uint64_t> WaitingConnects::due() const {
  std::vector<std::uint64_t> ids;
  std::array<epoll_event, 16> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), 0);
  ids.reserve(events.size());
  for (int i = 0; i < count; ++i) ids.push_back(events[static_cast<std::size_t>(i)].data.u64);
  const auto now = std::chrono::steady_clock::now();
  for (const auto& [id, connect] : connects_)
    if (connect.deadline && *connect.deadline <= now && std::find(ids.begin(), ids.end(), id) == ids.end())
      ids.push_back(id);
  return ids;
}

std::optional<WaitingConnect> WaitingConnects::take(std::uint64_t id) {
  auto node = connects_.extract(id);
  if (node.empty()) return std::nullopt;
  // By hand: the file may live on in the caller, and a closed descriptor would keep its place in the epoll instance.
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, node.mapped().socket(), nullptr);
  return std::move(node.mapped());
}

std::optional<std::chrono::milliseconds> WaitingConnects::poll_timeout() const {
  std::optional<std::chrono::steady_clock::time_point> next;
  for (const auto& [id, connect] : connects_)
    if (connect.deadline && (!next || *connect.deadline < *next)) next = connect.deadline;
  if (!next) return std::nullopt;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - std::chrono::steady_clock::now());
  return std::max(left, std::chrono::milliseconds(0));
}

}  // namespace writ
