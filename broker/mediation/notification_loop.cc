#include "broker/mediation/notification_loop.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "broker/kernel/acting_identity.h"

namespace writ {
namespace {

constexpr std::chrono::milliseconds kSweepInterval{250};
// Calls taken in one go, so that a tool that makes nothing but calls does not keep its broker from everything else.
constexpr int kCallsInOneGo = 16;

}  // namespace

NotificationLoop::NotificationLoop(SeccompListener listener) : listener_(std::move(listener)) {
  listener_.wake_synchronously();
}

// True when a call waits that can be received. Asked before each: where it was withdrawn, receiving would block (Linux
// before 6.12).
bool NotificationLoop::has_next() const {
  pollfd ready{listener_.descriptor(), POLLIN, 0};
  return !over_ && ::poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) != 0;
}

// Where broker and tool share a processor, the next call is there as soon as the answer has been given, because giving
// it lets the tool run. Then the poll for everything else can wait a little.
void NotificationLoop::handle_events(short revents) {
  if ((revents & POLLIN) == 0) {
    // POLLHUP: no task has the filter any more.
    if ((revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) over_ = true;
    return;
  }
  int calls = 0;
  do {
    auto call = listener_.receive();
    if (!call) over_ = true;
    if (call && *call) serve(**call);
  } while (++calls < kCallsInOneGo && has_next());
}

// nullptr when the call has been answered: nobody is there for it.
NotificationHandler* NotificationLoop::handler_of(const Notification& call) {
  const auto found = handlers_.find(static_cast<std::uint32_t>(call.call.nr));
  if (found == handlers_.end()) {
    ++counts_.unhandled;
    finish(call.id, AnswerErrno{ENOSYS});
    return nullptr;
  }
  // Thread 0: a caller outside of our pid namespace, of which nothing can be read. It gets nothing.
  if (call.thread == 0) {
    finish(call.id, AnswerErrno{EPERM});
    return nullptr;
  }
  return found->second;
}

void NotificationLoop::serve(const Notification& call) {
  ++counts_.received;
  NotificationHandler* handler = handler_of(call);
  if (handler == nullptr) return;
  // One handler's identity is none of another's business.
  if (std::exchange(last_, handler) != handler) ActingIdentity::step_back();
  if (!listener_.id_valid(call.id)) {
    ++counts_.callers_gone;
    return;
  }
  auto read = handler->read(call);
  // What was read is the caller's only if it still waits now; its number could be another process's by then.
  if (!listener_.id_valid(call.id)) {
    ++counts_.callers_gone;
    return;
  }
  if (Answer* answer = std::get_if<Answer>(&read)) return finish(call.id, std::move(*answer));
  deciding_ = call.id;  // an answer may come while it is decided
  Answer answer = handler->decide(call.id, std::move(std::get<std::unique_ptr<CallCopy>>(read)));
  if (!std::exchange(deciding_, std::nullopt)) return;
  if (const auto* later = std::get_if<AnswerLater>(&answer)) return wait_for_answer(call.id, *handler, *later);
  finish(call.id, std::move(answer));
}

void NotificationLoop::wait_for_answer(std::uint64_t id, NotificationHandler& handler, const AnswerLater& later) {
  const auto now = Clock::now();
  if (waiting_.empty()) next_sweep_ = now + kSweepInterval;
  Waiting& waiting = waiting_[id];
  waiting.handler = &handler;
  if (later.within) waiting.deadline = now + *later.within;
  waiting.late = later.late;
}

// In two steps, because the answer is not the number itself. With WAIT_KILLABLE_RECV nothing but death comes in
// between.
Result<Delivery> NotificationLoop::deliver_both(std::uint64_t id, AnswerBoth& both) {
  WRIT_ASSIGN(const std::optional<int> number,
              listener_.add_descriptor(id, {both.descriptor.get(), std::nullopt, both.close_on_exec}));
  if (!number) return Delivery::kCallerGone;
  // Closed before the caller goes on: a file that we still held for writing could not be executed (ETXTBSY).
  both.descriptor.reset();
  return listener_.answer_value(id, both.value + *number * both.number_factor);
}

Result<Delivery> NotificationLoop::deliver(std::uint64_t id, Answer& answer) {
  if (const auto* value = std::get_if<AnswerValue>(&answer)) return listener_.answer_value(id, value->value);
  if (const auto* error = std::get_if<AnswerErrno>(&answer)) return listener_.answer_errno(id, error->error);
  if (auto* both = std::get_if<AnswerBoth>(&answer)) return deliver_both(id, *both);
  if (const auto* one = std::get_if<AnswerDescriptor>(&answer))
    return listener_.answer_descriptor(id, {one->descriptor.get(), std::nullopt, one->close_on_exec});
  // The reason for going on stands beside each AnswerContinue, in the handler that gives it.
  return listener_.answer_continue(id);
}

void NotificationLoop::finish(std::uint64_t id, Answer answer) {
  auto delivered = deliver(id, answer);
  // An answer that the kernel does not take must not leave the caller waiting: never CONTINUE instead, always an errno.
  if (!delivered) delivered = listener_.answer_errno(id, delivered.error().system_errno == EMFILE ? EMFILE : EPERM);
  if (delivered && *delivered == Delivery::kDelivered)
    ++counts_.answered;
  else
    ++counts_.callers_gone;
}

void NotificationLoop::answer_later(std::uint64_t id, Answer answer) {
  const bool expected = waiting_.erase(id) > 0 || deciding_ == id;
  if (deciding_ == id) deciding_.reset();
  if (expected) finish(id, std::move(answer));
}

void NotificationLoop::sweep() {
  std::vector<std::pair<std::uint64_t, NotificationHandler*>> gone;
  for (const auto& [id, waiting] : waiting_)
    if (!listener_.id_valid(id)) gone.emplace_back(id, waiting.handler);
  for (const auto& [id, handler] : gone) {
    waiting_.erase(id);
    ++counts_.callers_gone;
    handler->abandon(id);
  }
  next_sweep_ = Clock::now() + kSweepInterval;
}

void NotificationLoop::end_late_calls(Clock::time_point now) {
  std::vector<std::pair<std::uint64_t, Waiting>> late;
  for (const auto& [id, waiting] : waiting_)
    if (waiting.deadline && *waiting.deadline <= now) late.emplace_back(id, waiting);
  for (const auto& [id, waiting] : late) {
    answer_later(id, AnswerErrno{waiting.late});
    waiting.handler->abandon(id);
  }
}

void NotificationLoop::tick() {
  if (waiting_.empty()) return;
  const auto now = Clock::now();
  end_late_calls(now);
  if (now >= next_sweep_) sweep();
}

std::optional<std::chrono::milliseconds> NotificationLoop::poll_timeout() const {
  if (waiting_.empty()) return std::nullopt;
  auto next = next_sweep_;
  for (const auto& [id, waiting] : waiting_)
    if (waiting.deadline && *waiting.deadline < next) next = *waiting.deadline;
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()), std::chrono::milliseconds(0));
}

}  // namespace writ
