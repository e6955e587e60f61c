// DirectoryWatch: one inotify instance that says in which held directories names appeared.
//
// Watches are on inodes, so what a tool does through its own mount of the same tree is seen too (inotify(7)).
//
// Closing an instance that has (or just had) a watch waits for a grace period of the kernel: 8 ms where we measured,
// more than a whole launch. Without watches it is 2 us. So watching begins after a delay, which short runs never reach,
// and stop() ends all watches as early as possible. Threads: one at a time. Fork: close-on-exec.
#ifndef WRIT_BROKER_GRANT_DIRECTORY_WATCH_H_
#define WRIT_BROKER_GRANT_DIRECTORY_WATCH_H_

#include <chrono>
#include <functional>
#include <span>
#include <string_view>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

struct WatchEvent {
  int watch = -1;         // as add() returned it
  std::string_view name;  // of the entry; empty for the directory itself; valid during the call only
  bool overflow = false;  // events were lost: look at everything
  bool ended = false;     // the kernel has removed this watch
};

class DirectoryWatch {
 public:
  // `delay` of zero: watching begins at once. Errors: EMFILE when the user's inotify instances are used up.
  [[nodiscard]] static Result<DirectoryWatch> open(std::chrono::milliseconds delay);

  // Borrowed; readable when the delay is over or there are events.
  [[nodiscard]] int descriptor() const { return readiness_.get(); }

  // True from the end of the delay until stop(); before, add() must not be called.
  [[nodiscard]] bool started() const { return started_; }

  // True once, when the delay has just ended: then all directories must be added.
  [[nodiscard]] bool start_if_due();

  // Starts watching the held O_PATH directory. The same directory gives the same number again. Look at the directory
  // after this call: what appeared before it makes no event. Errors: ENOSPC when the user's watches are used up.
  [[nodiscard]] Result<int> add(int directory_fd);

  // Ends everything; remove() need not be called any more.
  void stop(std::span<const int> watches);

  // Ends a watch; unknown numbers are ignored.
  void remove(int watch);

  // Passes the events of one read (at most 16 KiB) to `on_event`. Returns at once when there is none.
  void read_some(const std::function<void(const WatchEvent&)>& on_event);

 private:
  DirectoryWatch() = default;
  Status arm_timer(std::chrono::milliseconds delay);
  UniqueFd inotify_;
  UniqueFd timer_;      // valid until the delay is over
  UniqueFd readiness_;  // epoll over both
  bool started_ = false;
};

}  // namespace writ

#endif  // WRIT_BROKER_GRANT_DIRECTORY_WATCH_H_
