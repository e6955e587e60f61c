// SeccompListener against the kernel: a child process makes the calls.
#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "tests/unit/notify_test_support.h"

namespace writ {
namespace {

using notify_test::command_call;
using notify_test::TrappedChild;

TEST_CASE("a call is received with its arguments and answered with a value") {
  TrappedChild child([] { return command_call(11, 22) == 77 ? 0 : 1; });
  const Notification call = child.next();
  CHECK(call.call.nr == static_cast<int>(kCommandCall));
  CHECK(call.call.args[0] == 11);
  CHECK(call.call.args[1] == 22);
  CHECK(call.thread == child.pid());
  CHECK(child.listener().id_valid(call.id));
  CHECK(child.listener().answer_value(call.id, 77) == Delivery::kDelivered);
  CHECK(child.end() == 0);
  CHECK_FALSE(child.listener().id_valid(call.id));
  CHECK(child.listener().answer_value(call.id, 78) == Delivery::kCallerGone);
}

TEST_CASE("an errno arrives as one, and impossible answers are refused before they are sent") {
  TrappedChild child([] { return command_call() == -EDOM ? 0 : 1; });
  const Notification call = child.next();
  CHECK_FALSE(child.listener().answer_value(call.id, -1));
  CHECK_FALSE(child.listener().answer_errno(call.id, 0));
  CHECK_FALSE(child.listener().answer_errno(call.id, -EPERM));
  CHECK_FALSE(child.listener().answer_errno(call.id, 4096));
  CHECK(child.listener().answer_errno(call.id, EDOM) == Delivery::kDelivered);
  CHECK(child.end() == 0);
}

TEST_CASE("a continued call is made by the kernel, which does not know the number") {
  TrappedChild child([] { return command_call() == -ENOSYS ? 0 : 1; });
  CHECK(child.listener().answer_continue(child.next().id) == Delivery::kDelivered);
  CHECK(child.end() == 0);
}

TEST_CASE("a descriptor arrives with the answer, close-on-exec as asked for") {
  const bool cloexec = GENERATE(true, false);
  TrappedChild child([cloexec] {
    const long fd = command_call();
    if (fd < 0) return 1;
    const bool flag = (::fcntl(static_cast<int>(fd), F_GETFD) & FD_CLOEXEC) != 0;
    return flag == cloexec ? 0 : 2;
  });
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Notification call = child.next();
  CHECK(child.listener().answer_descriptor(call.id, {null.get(), std::nullopt, cloexec}) == Delivery::kDelivered);
  CHECK(child.end() == 0);
}

TEST_CASE("a descriptor can replace a number of the caller's before the answer") {
  TrappedChild child([] {
    const int mine = ::open("/proc/self/status", O_RDONLY);
    if (command_call(mine) != 5) return 1;
    struct stat status {};
    return ::fstat(mine, &status) == 0 && S_ISCHR(status.st_mode) ? 0 : 2;
  });
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Notification call = child.next();
  const int number = static_cast<int>(call.call.args[0]);
  const auto added = child.listener().add_descriptor(call.id, {null.get(), number, true});
  REQUIRE(added);
  CHECK(*added == number);
  CHECK(child.listener().answer_value(call.id, 5) == Delivery::kDelivered);
  CHECK(child.end() == 0);
}

TEST_CASE("a caller that was killed is gone, not an error") {
  TrappedChild child([] { return command_call() == 0 ? 0 : 1; });
  const Notification call = child.next();
  ::kill(child.pid(), SIGKILL);
  CHECK(child.end() == 1000 + SIGKILL);
  CHECK_FALSE(child.listener().id_valid(call.id));
  CHECK(child.listener().answer_value(call.id, 0) == Delivery::kCallerGone);
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK(child.listener().answer_descriptor(call.id, {null.get(), std::nullopt, true}) == Delivery::kCallerGone);
  const auto added = child.listener().add_descriptor(call.id, {null.get(), std::nullopt, true});
  REQUIRE(added);
  CHECK_FALSE(*added);
}

TEST_CASE("a signal does not make a received call start over") {
  TrappedChild child([] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr);
    return command_call() == 9 ? 0 : 1;
  });
  const Notification call = child.next();
  for (int i = 0; i < 20; ++i) ::kill(child.pid(), SIGUSR1);
  ::usleep(20'000);
  CHECK(child.listener().id_valid(call.id));
  CHECK(child.listener().answer_value(call.id, 9) == Delivery::kDelivered);
  CHECK(child.end() == 0);
}

TEST_CASE("without a listener the call fails, and no second listener can be made while one exists") {
  TrappedChild child([] {
    const auto program = compile_listener_filter({{kCommandCall, TrapScope::kAlways, {}}});
    if (install_seccomp_listener(kernel_program(*program)) != -EBUSY) return 1;
    if (command_call() != 1) return 2;
    return command_call() == -ENOSYS ? 0 : 3;
  });
  {
    const Notification call = child.next();
    SeccompListener listener = child.take_listener();
    CHECK(listener.answer_value(call.id, 1) == Delivery::kDelivered);
  }
  CHECK(child.end() == 0);
}

}  // namespace
}  // namespace writ
