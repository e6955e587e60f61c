#include "broker/mediation/notification_loop.h"

#include <poll.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace writ {
namespace {

constexpr std::chrono::milliseconds kSweepInterval{250};
// Calls taken in one go, so that a tool that makes nothing but calls does not keep its broker from everything else.
constexpr int kCallsInOneGo = 16;

}  // namespace

NotificationLoop::NotificationLoop(SeccompListener listener) : listener_(std::move(listener)) {
  listener_.wake_synchronously();
}

void NotificationLoop::handle_events(short revents) {
  if ((revents & POLLIN) == 0) {
    // POLLHUP: no task has the filter any more.
    if ((revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) over_ = true;
    return;
  }
  for (int i = 0; i < kCallsInOneGo && !over_; ++i) {
    pollfd ready{listener_.descriptor(), POLLIN, 0};
    // Asked again before each: where the next call was withdrawn, receiving would block (Linux before 6.12).
    if (i > 0 && (::poll(&ready, 1, 0) <= 0 || (ready.revents & POLLIN) == 0)) return;
    auto call = listener_.receive();
    if (!call) over_ = true;
    if (call && *call) serve(**call);
  }
}

void NotificationLoop::serve(const Notification& call) {
  ++counts_.received;
  const auto found = handlers_.find(static_cast<std::uint32_t>(call.call.nr));
  if (found == handlers_.end()) {
    ++counts_.unhandled;
    return finish(call.id, AnswerErrno{ENOSYS});
  }
  // Thread 0: a caller outside of our pid namespace, of which nothing can be read. It gets nothing.
  if (call.thread == 0) return finish(call.id, AnswerErrno{EPERM});
  if (!listener_.id_valid(call.id)) {
    ++counts_.callers_gone;
    return;
  }
  auto read = found->second->read(call);
  // What was read is the caller's only if it still waits now; its number could be another process's by then.
  if (!listener_.id_valid(call.id)) {
    ++counts_.callers_gone;
    return;
  }
  if (Answer* answer = std::get_if<Answer>(&read)) return finish(call.id, std::move(*answer));
  waiting_[call.id] = found->second;  // before deciding: an answer may come while it is decided
  Answer answer = found->second->decide(call.id, std::move(std::get<std::unique_ptr<CallCopy>>(read)));
  if (!std::holds_alternative<AnswerLater>(answer)) answer_later(call.id, std::move(answer));
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
  if (waiting_.erase(id) > 0) finish(id, std::move(answer));
}

void NotificationLoop::sweep() {
  std::vector<std::pair<std::uint64_t, NotificationHandler*>> gone;
  for (const auto& entry : waiting_)
    if (!listener_.id_valid(entry.first)) gone.emplace_back(entry);
  for (const auto& [id, handler] : gone) {
    waiting_.erase(id);
    ++counts_.callers_gone;
    handler->abandon(id);
  }
}

std::optional<std::chrono::milliseconds> NotificationLoop::poll_timeout() const {
  if (waiting_.empty()) return std::nullopt;
  return kSweepInterval;
}

}  // namespace writ
