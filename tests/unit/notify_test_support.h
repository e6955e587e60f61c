// A caller for the tests of seccomp notifications: a child process that runs under a listener filter.
#ifndef WRIT_TESTS_UNIT_NOTIFY_TEST_SUPPORT_H_
#define WRIT_TESTS_UNIT_NOTIFY_TEST_SUPPORT_H_

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <functional>
#include <optional>

#include "broker/kernel/raw_syscall.h"
#include "broker/kernel/seccomp_loader.h"
#include "broker/kernel/seccomp_notify.h"
#include "broker/policy/listener_filter.h"
#include "broker/sandbox/init_channel.h"

namespace writ::notify_test {

// Forks a child that puts itself under a filter trapping kCommandCall, hands the listener over and runs `body`, whose
// result is its exit status. The child is killed at the end of the test at the latest.
class TrappedChild {
 public:
  explicit TrappedChild(const std::function<int()>& body) {
    std::array<int, 2> pair{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      const auto program = compile_listener_filter({{kCommandCall, TrapScope::kAlways, {}}});
      const sock_fprog kernel = kernel_program(*program);
      const long listener = install_seccomp_listener(kernel);
      if (listener < 0) ::_exit(100);
      if (send_init_report(pair[1], {}, static_cast<int>(listener)) < 0) ::_exit(101);
      ::close(static_cast<int>(listener));
      ::_exit(body());
    }
    ::close(pair[1]);
    listener_.emplace(receive(pair[0]));
    ::close(pair[0]);
  }
  ~TrappedChild() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  TrappedChild(const TrappedChild&) = delete;
  TrappedChild& operator=(const TrappedChild&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] SeccompListener& listener() { return *listener_; }
  [[nodiscard]] SeccompListener take_listener() { return std::move(*listener_); }

  // Waits for a call; the test fails when none comes.
  [[nodiscard]] Notification next() {
    pollfd ready{listener_->descriptor(), POLLIN, 0};
    REQUIRE(::poll(&ready, 1, 10'000) == 1);
    auto call = listener_->receive();
    REQUIRE(call);
    REQUIRE(*call);
    return **call;
  }

  // The exit status, or 1000 + the signal.
  [[nodiscard]] int end() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  static SeccompListener receive(int socket) {
    InitReport report{};
    iovec part{&report, sizeof report};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    REQUIRE(::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == sizeof report);
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    REQUIRE(header != nullptr);
    int fd = -1;
    __builtin_memcpy(&fd, CMSG_DATA(header), sizeof fd);
    auto listener = SeccompListener::adopt(UniqueFd(fd));
    REQUIRE(listener);
    return std::move(*listener);
  }

  pid_t pid_ = -1;
  std::optional<SeccompListener> listener_;
};

template <class... Arguments>
long command_call(Arguments... arguments) {
  return raw_syscall(kCommandCall, arguments...);
}

}  // namespace writ::notify_test

#endif  // WRIT_TESTS_UNIT_NOTIFY_TEST_SUPPORT_H_
