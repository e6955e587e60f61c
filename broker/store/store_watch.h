// StoreWatch: tells when it is worth looking at the store again because another process may have changed it.
//
// It listens to the files (inotify(7)), and that is not enough: a commit becomes visible only after the last write to
// the log, by a change of a shared mapping, of which the kernel tells nobody (https://www.sqlite.org/walformat.html,
// 2.2); a watch may not be had (limits); and files on a network tell nothing. So something written is looked at twice,
// and without any event a look is due each second.
//
// Threads: one at a time. Fork: the descriptor is shared; a child must not read from it.
#ifndef WRIT_BROKER_STORE_STORE_WATCH_H_
#define WRIT_BROKER_STORE_STORE_WATCH_H_

#include <chrono>
#include <string>

#include "broker/base/unique_fd.h"

namespace writ {

class StoreWatch {
 public:
  using Clock = std::chrono::steady_clock;

  // Watches the files in `directory`; by looking from time to time alone when the kernel gives no watch.
  explicit StoreWatch(const std::string& directory);

  // To be polled for POLLIN; -1: there is no watch.
  [[nodiscard]] int descriptor() const { return events_.get(); }
  // When take_due() is to be called, at the latest.
  [[nodiscard]] Clock::time_point next_look() const { return next_look_; }
  // Whether to look now. The first call says yes.
  [[nodiscard]] bool take_due(Clock::time_point now);
  // Makes the next call of take_due() say no for a second, unless something is written: all was just looked at.
  void looked(Clock::time_point now);

 private:
  [[nodiscard]] bool take_events() const;

  UniqueFd events_;
  Clock::time_point next_look_{};
};

}  // namespace writ

#endif  // WRIT_BROKER_STORE_STORE_WATCH_H_
