#include "broker/daemon/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace writ {
namespace {

constexpr std::size_t kEventsAtOnce = 128;

std::uint64_t pack(int descriptor, std::uint32_t generation) {
  return std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(descriptor);
}

}  // namespace

Result<EventLoop> EventLoop::create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return fail_errno(errno, "cannot make an epoll instance");
  return EventLoop(std::move(epoll));
}

Status EventLoop::watch(int descriptor, std::uint32_t events, Callback callback) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = pack(descriptor, ++generation_);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0)
    return fail_errno(errno, "cannot wait for a descriptor");
  entries_[descriptor] = {generation_, std::make_shared<Callback>(std::move(callback))};
  return {};
}

void EventLoop::change(int descriptor, std::uint32_t events) {
  const auto found = entries_.find(descriptor);
  if (found == entries_.end()) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = pack(descriptor, found->second.generation);
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor, &event);
}

void EventLoop::forget(int descriptor) {
  if (entries_.erase(descriptor) == 0) return;
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
}

Status EventLoop::run_once(std::optional<std::chrono::milliseconds> at_most) {
  std::array<epoll_event, kEventsAtOnce> events;
  const std::int64_t wait = at_most ? std::clamp<std::int64_t>(at_most->count(), 0, 3'600'000) : -1;
  const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsAtOnce, static_cast<int>(wait));
  if (count < 0 && errno == EINTR) return {};
  if (count < 0) return fail_errno(errno, "cannot wait for events");
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const auto found = entries_.find(static_cast<int>(event.data.u64 & 0xffffffffu));
    if (found == entries_.end() || found->second.generation != event.data.u64 >> 32) continue;
    const std::shared_ptr<Callback> callback = found->second.callback;
    (*callback)(event.events);
  }
  return {};
}

}  // namespace writ
