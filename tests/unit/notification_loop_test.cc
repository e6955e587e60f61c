// The order of the steps for one trapped call, later answers, and callers that die at each step.
#include "broker/mediation/notification_loop.h"

#include <catch2/catch.hpp>
#include <vector>

#include "tests/unit/notify_test_support.h"

namespace writ {
namespace {

using notify_test::command_call;
using notify_test::TrappedChild;

struct NumberCopy final : CallCopy {
  explicit NumberCopy(std::uint64_t n) : number(n) {}
  std::uint64_t number;
};

// Answers with the argument plus one, or later; notes what it was asked.
class Recorder final : public NotificationHandler {
 public:
  std::variant<std::unique_ptr<CallCopy>, Answer> read(const Notification& call) override {
    steps.emplace_back("read");
    if (while_reading) while_reading();
    if (call.call.args[0] == 404) return Answer(AnswerErrno{EFAULT});
    return std::make_unique<NumberCopy>(call.call.args[0]);
  }
  Answer decide(std::uint64_t id, std::unique_ptr<CallCopy> copy) override {
    steps.emplace_back("decide");
    last_id = id;
    if (while_deciding) while_deciding(id);
    if (later) return AnswerLater{within, ENETDOWN};
    return AnswerValue{static_cast<std::int64_t>(static_cast<NumberCopy&>(*copy).number) + 1};
  }
  void abandon(std::uint64_t id) override {
    steps.emplace_back("abandon");
    abandoned = id;
  }
  std::vector<std::string> steps;
  std::function<void()> while_reading;
  std::function<void(std::uint64_t)> while_deciding;
  std::optional<std::chrono::milliseconds> within;
  bool later = false;
  std::uint64_t last_id = 0;
  std::uint64_t abandoned = 0;
};

void wait_and_handle(NotificationLoop& loop) {
  pollfd ready{loop.poll_descriptor(), POLLIN, 0};
  REQUIRE(::poll(&ready, 1, 10'000) == 1);
  loop.handle_events(ready.revents);
}

TEST_CASE("a call is read, decided and answered in this order") {
  TrappedChild child([] { return command_call(41) == 42 && command_call(404) == -EFAULT ? 0 : 1; });
  NotificationLoop loop(child.take_listener());
  Recorder recorder;
  loop.add_handler(kCommandCall, recorder);
  while (loop.counts().answered < 2) wait_and_handle(loop);
  CHECK(recorder.steps == std::vector<std::string>{"read", "decide", "read"});
  CHECK(child.end() == 0);
  wait_and_handle(loop);  // nobody has the filter any more
  CHECK(loop.poll_descriptor() == -1);
}

TEST_CASE("a number without a handler does not exist") {
  TrappedChild child([] { return command_call() == -ENOSYS ? 0 : 1; });
  NotificationLoop loop(child.take_listener());
  wait_and_handle(loop);
  CHECK(child.end() == 0);
  CHECK(loop.counts().unhandled == 1);
}

TEST_CASE("nothing is decided about a caller that died while it was read") {
  TrappedChild child([] { return command_call(1) == 2 ? 0 : 1; });
  NotificationLoop loop(child.take_listener());
  Recorder recorder;
  loop.add_handler(kCommandCall, recorder);
  recorder.while_reading = [&] {
    ::kill(child.pid(), SIGKILL);
    CHECK(child.end() == 1000 + SIGKILL);
  };
  wait_and_handle(loop);
  CHECK(recorder.steps == std::vector<std::string>{"read"});
  CHECK(loop.counts().callers_gone == 1);
}

TEST_CASE("a later answer arrives, once") {
  TrappedChild child([] { return command_call(1) == 9 ? 0 : 1; });
  NotificationLoop loop(child.take_listener());
  Recorder recorder;
  recorder.later = true;
  loop.add_handler(kCommandCall, recorder);
  wait_and_handle(loop);
  CHECK(loop.is_waiting(recorder.last_id));
  CHECK(loop.poll_timeout());
  loop.sweep();
  CHECK(recorder.abandoned == 0);
  loop.answer_later(recorder.last_id, AnswerValue{9});
  loop.answer_later(recorder.last_id, AnswerValue{10});
  CHECK(child.end() == 0);
  CHECK(loop.counts().answered == 1);
  CHECK_FALSE(loop.poll_timeout());
}

TEST_CASE("a caller that dies while its answer is awaited is abandoned") {
  TrappedChild child([] { return command_call(1) == 9 ? 0 : 1; });
  NotificationLoop loop(child.take_listener());
  Recorder recorder;
  recorder.later = true;
  loop.add_handler(kCommandCall, recorder);
  wait_and_handle(loop);
  ::kill(child.pid(), SIGKILL);
  CHECK(child.end() == 1000 + SIGKILL);
  loop.sweep();
  CHECK(recorder.abandoned == recorder.last_id);
  CHECK_FALSE(loop.is_waiting(recorder.last_id));
}

TEST_CASE("a call that is answered too late fails, and its handler hears of it") {
  TrappedChild child([] { return command_call(1) == -ENETDOWN ? 0 : 1; });
  NotificationLoop loop(child.take_listener());
  Recorder recorder;
  recorder.later = true;
  recorder.within = std::chrono::milliseconds(30);
  loop.add_handler(kCommandCall, recorder);
  wait_and_handle(loop);
  loop.tick();
  CHECK(loop.is_waiting(recorder.last_id));
  REQUIRE(loop.poll_timeout());
  CHECK(*loop.poll_timeout() <= std::chrono::milliseconds(30));
  while (loop.is_waiting(recorder.last_id)) {
    ::poll(nullptr, 0, static_cast<int>(loop.poll_timeout()->count()));
    loop.tick();
  }
  CHECK(recorder.abandoned == recorder.last_id);
  loop.answer_later(recorder.last_id, AnswerValue{9});  // nobody waits for it any more
  CHECK(child.end() == 0);
  CHECK(loop.counts().answered == 1);
}

TEST_CASE("a call without a deadline waits on") {
  TrappedChild child([] { return command_call(1) == 9 ? 0 : 1; });
  NotificationLoop loop(child.take_listener());
  Recorder recorder;
  recorder.later = true;
  loop.add_handler(kCommandCall, recorder);
  wait_and_handle(loop);
  for (int i = 0; i < 3; ++i) {
    ::poll(nullptr, 0, static_cast<int>(loop.poll_timeout()->count()));
    loop.tick();
  }
  CHECK(loop.is_waiting(recorder.last_id));
  CHECK(recorder.abandoned == 0);
  loop.answer_later(recorder.last_id, AnswerValue{9});
  CHECK(child.end() == 0);
}

TEST_CASE("a caller that died is found by ticking alone") {
  TrappedChild child([] { return command_call(1) == 9 ? 0 : 1; });
  NotificationLoop loop(child.take_listener());
  Recorder recorder;
  recorder.later = true;
  loop.add_handler(kCommandCall, recorder);
  wait_and_handle(loop);
  ::kill(child.pid(), SIGKILL);
  CHECK(child.end() == 1000 + SIGKILL);
  ::poll(nullptr, 0, static_cast<int>(loop.poll_timeout()->count()));
  loop.tick();
  CHECK(recorder.abandoned == recorder.last_id);
}

TEST_CASE("an answer that comes while the call is decided is the answer") {
  TrappedChild child([] { return command_call(1) == 7 ? 0 : 1; });
  NotificationLoop loop(child.take_listener());
  Recorder recorder;
  recorder.later = true;
  recorder.while_deciding = [&](std::uint64_t id) {
    CHECK(loop.is_waiting(id));
    loop.answer_later(id, AnswerValue{7});
  };
  loop.add_handler(kCommandCall, recorder);
  wait_and_handle(loop);
  CHECK_FALSE(loop.is_waiting(recorder.last_id));
  CHECK_FALSE(loop.poll_timeout());
  CHECK(child.end() == 0);
  CHECK(loop.counts().answered == 1);
}

TEST_CASE("an answer that the kernel refuses becomes an errno and not silence") {
  TrappedChild child([] { return command_call(1) == -EPERM ? 0 : 1; });
  NotificationLoop loop(child.take_listener());
  Recorder recorder;
  recorder.later = true;
  loop.add_handler(kCommandCall, recorder);
  wait_and_handle(loop);
  loop.answer_later(recorder.last_id, AnswerValue{-5});
  CHECK(child.end() == 0);
}

}  // namespace
}  // namespace writ
