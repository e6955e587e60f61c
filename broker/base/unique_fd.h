// UniqueFd: the only owner of a file descriptor in Writ. A raw `int` parameter means "borrowed".
//
// Threads: as safe as an int. Fork: a forked child owns copies of the same numbers; processes between clone and exec
// must not run destructors (they leave by _exit or execve).
#ifndef WRIT_BROKER_BASE_UNIQUE_FD_H_
#define WRIT_BROKER_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <utility>

namespace writ {

class [[nodiscard]] UniqueFd {
 public:
  UniqueFd() = default;
  // Takes ownership of `fd`; any negative number means "no descriptor".
  explicit UniqueFd(int fd) : fd_(fd < 0 ? kNone : fd) {}
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ != kNone; }

  // Gives up ownership; the caller must close the returned descriptor.
  [[nodiscard]] int release() { return std::exchange(fd_, kNone); }

  // Closes the held descriptor (if any) and takes ownership of `fd`.
  void reset(int fd = kNone) {
    const int old = std::exchange(fd_, fd < 0 ? kNone : fd);
    if (old == kNone) return;
    // close(2): the number is released even on EINTR; EBADF means that somebody closed what we own, a bug that would
    // make us close a stranger's descriptor next time.
    const int saved_errno = errno;
    [[maybe_unused]] const int closed = ::close(old);
    assert(closed == 0 || errno != EBADF);
    errno = saved_errno;
  }

 private:
  static constexpr int kNone = -1;
  int fd_ = kNone;
};

}  // namespace writ

#endif  // WRIT_BROKER_BASE_UNIQUE_FD_H_
