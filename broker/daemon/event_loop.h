// EventLoop: waits for many descriptors at once and calls what each was registered with (epoll(7)).
//
// Ownership: borrows the descriptors; whoever closes one forgets it here before. Threads: one. Fork: a child must not
// use it. Callbacks may register, change and forget anything, themselves included.
#ifndef WRIT_BROKER_DAEMON_EVENT_LOOP_H_
#define WRIT_BROKER_DAEMON_EVENT_LOOP_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

class EventLoop {
 public:
  using Callback = std::function<void(std::uint32_t events)>;  // EPOLLIN, …

  [[nodiscard]] static Result<EventLoop> create();

  // Errors: the kernel's; EEXIST where the descriptor is registered already.
  [[nodiscard]] Status watch(int descriptor, std::uint32_t events, Callback callback);
  // Waits for other events of a registered descriptor.
  void change(int descriptor, std::uint32_t events);
  // Nothing more is reported of it, also not what was seen in the same wait. Not registered: does nothing.
  void forget(int descriptor);

  // Waits until something happens, at most `at_most` (nothing: for ever), and calls back. Error: the kernel's.
  [[nodiscard]] Status run_once(std::optional<std::chrono::milliseconds> at_most);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  // A number may be closed and given out again between a wait and its callbacks: the generation tells them apart.
  struct Entry {
    std::uint32_t generation = 0;
    std::shared_ptr<Callback> callback;  // shared: it may forget itself while it runs
  };

  explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}

  UniqueFd epoll_;
  std::uint32_t generation_ = 0;
  std::unordered_map<int, Entry> entries_;
};

}  // namespace writ

#endif  // WRIT_BROKER_DAEMON_EVENT_LOOP_H_
