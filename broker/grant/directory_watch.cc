#include "broker/grant/directory_watch.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "broker/grant/held_entry.h"

namespace writ {
namespace {

constexpr std::size_t kReadBytes = 16UL * 1024;
// No IN_DONT_FOLLOW: the path below is a magic link and must be followed, to an object that was opened with O_NOFOLLOW.
// No IN_ATTRIB: a new name always makes IN_CREATE or IN_MOVED_TO (a hard link too), and OwnerAccess changes modes
// itself, which would wake the broker without end.
constexpr std::uint32_t kEvents = IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR;

int add_watch(int inotify_fd, int directory_fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(directory_fd);
  return ::inotify_add_watch(inotify_fd, path.c_str(), kEvents);
}

Status wait_also_for(int epoll_fd, int ready_fd) {
  epoll_event interest{};
  interest.events = EPOLLIN;
  if (::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ready_fd, &interest) == 0) return {};
  return fail_errno(errno, "cannot wait for news of persistence files");
}

}  // namespace

Result<DirectoryWatch> DirectoryWatch::open(std::chrono::milliseconds delay) {
  DirectoryWatch watch;
  watch.inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!watch.inotify_.valid()) {
    return fail_errno(errno, "cannot watch for new persistence files",
                      "raise fs.inotify.max_user_instances, or run fewer sandboxes at a time");
  }
  watch.readiness_.reset(::epoll_create1(EPOLL_CLOEXEC));
  WRIT_TRY(wait_also_for(watch.readiness_.get(), watch.inotify_.get()));
  watch.started_ = delay.count() <= 0;
  if (!watch.started_) {
    WRIT_TRY(watch.arm_timer(delay));
  }
  return watch;
}

Status DirectoryWatch::arm_timer(std::chrono::milliseconds delay) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(delay);
  itimerspec when{};
  when.it_value.tv_sec = seconds.count();
  when.it_value.tv_nsec = std::chrono::nanoseconds(delay - seconds).count();
  timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!timer_.valid() || ::timerfd_settime(timer_.get(), 0, &when, nullptr) != 0) {
    return fail_errno(errno, "cannot set the timer for watching persistence files");
  }
  return wait_also_for(readiness_.get(), timer_.get());
}

bool DirectoryWatch::start_if_due() {
  std::uint64_t expirations = 0;
  if (!timer_.valid() || ::read(timer_.get(), &expirations, sizeof expirations) < 0) return false;
  timer_.reset();  // leaves the epoll set by itself: nobody else holds a copy
  started_ = true;
  return true;
}

void DirectoryWatch::stop(std::span<const int> watches) {
  for (const int watch : watches) remove(watch);
  timer_.reset();
  started_ = false;
}

Result<int> DirectoryWatch::add(int directory_fd) {
  int watch = add_watch(inotify_.get(), directory_fd);
  if (watch < 0 && errno == EACCES) {
    // Watching needs read permission, which a tool can take from a directory of its own.
    const OwnerAccess access(directory_fd);
    watch = add_watch(inotify_.get(), directory_fd);
  }
  if (watch >= 0) return watch;
  return fail_errno(errno, "cannot watch a directory for new persistence files",
                    errno == ENOSPC ? "raise fs.inotify.max_user_watches" : "");
}

void DirectoryWatch::remove(int watch) {
  // EINVAL: the kernel was first (IN_IGNORED), which is what was wanted.
  [[maybe_unused]] const int removed = ::inotify_rm_watch(inotify_.get(), watch);
}

void DirectoryWatch::read_some(const std::function<void(const WatchEvent&)>& on_event) {
  alignas(inotify_event) std::array<char, kReadBytes> buffer{};
  const ssize_t length = ::read(inotify_.get(), buffer.data(), buffer.size());
  if (length <= 0) return;  // EAGAIN: nothing there; EINTR: the descriptor stays readable
  const auto end = static_cast<std::size_t>(length);
  for (std::size_t at = 0; at + sizeof(inotify_event) <= end;) {
    inotify_event header{};
    std::memcpy(&header, buffer.data() + at, sizeof header);
    const char* name = buffer.data() + at + sizeof header;
    on_event(WatchEvent{.watch = header.wd,
                        .name = std::string_view(name, ::strnlen(name, header.len)),
                        .overflow = (header.mask & IN_Q_OVERFLOW) != 0,
                        .ended = (header.mask & IN_IGNORED) != 0});
    at += sizeof header + header.len;
  }
}

}  // namespace writ
