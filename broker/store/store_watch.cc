#include "broker/store/store_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>

namespace writ {
namespace {

constexpr std::chrono::seconds kLookAgain{1};
// Between the last write and the commit's being visible lies one fsync(2) at most.
constexpr std::chrono::milliseconds kSecondLook{40};

}  // namespace

StoreWatch::StoreWatch(const std::string& directory) : events_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  // A commit is written to the write-ahead log, which may be new (https://www.sqlite.org/wal.html).
  constexpr auto kWrites = IN_MODIFY | IN_CREATE | IN_MOVED_TO;
  if (events_.valid() && ::inotify_add_watch(events_.get(), directory.c_str(), kWrites | IN_ONLYDIR) < 0)
    events_.reset();
}

bool StoreWatch::take_events() const {
  alignas(inotify_event) std::array<char, 4096> space{};
  bool any = false;
  while (events_.valid() && ::read(events_.get(), space.data(), space.size()) > 0) any = true;
  return any;
}

bool StoreWatch::take_due(Clock::time_point now) {
  const bool written = take_events();
  if (!written && now < next_look_) return false;
  next_look_ = now + (written ? std::chrono::milliseconds(kSecondLook) : kLookAgain);
  return true;
}

void StoreWatch::looked(Clock::time_point now) { next_look_ = now + kLookAgain; }

}  // namespace writ
