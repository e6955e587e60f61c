// NotificationLoop: takes trapped calls from one sandbox's listener, gives each to the handler of its number, and
// answers. For every call the same order: RECV → ID_VALID → read → ID_VALID → decide → answer.
//
// Ownership: owns the listener; handlers are borrowed and outlive the loop. Threads: one. Nothing here blocks.
#ifndef WRIT_BROKER_MEDIATION_NOTIFICATION_LOOP_H_
#define WRIT_BROKER_MEDIATION_NOTIFICATION_LOOP_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>

#include "broker/kernel/seccomp_notify.h"
#include "broker/mediation/notification_handler.h"

namespace writ {

// For the report and for tests.
struct NotificationCounts {
  std::uint64_t received = 0;
  std::uint64_t answered = 0;
  std::uint64_t callers_gone = 0;  // before an answer reached them
  std::uint64_t unhandled = 0;     // numbers without a handler: ENOSYS
};

class NotificationLoop {
 public:
  explicit NotificationLoop(SeccompListener listener);

  // Calls of `number` go to the borrowed `handler`.
  void add_handler(std::uint32_t number, NotificationHandler& handler) { handlers_[number] = &handler; }

  // What to poll for POLLIN, or -1 after the listener ended: nothing that it traps runs any more.
  [[nodiscard]] int poll_descriptor() const { return over_ ? -1 : listener_.descriptor(); }
  // Takes what waits, a few calls at most: call when poll(2) reported `revents` for the descriptor.
  void handle_events(short revents);

  // Answers a call whose handler said AnswerLater; `answer` is not AnswerLater again. A caller that is gone is no
  // error.
  void answer_later(std::uint64_t id, Answer answer);

  // Puts a descriptor into the table of a caller that still waits for its answer, for calls that return something else
  // than its number (connect). Nothing when the caller is gone.
  [[nodiscard]] Result<std::optional<int>> place_descriptor(std::uint64_t id, const AddedDescriptor& added) const {
    return listener_.add_descriptor(id, added);
  }

  // Looks whether the callers of unanswered calls still wait, and abandons those that do not. The kernel sends no event
  // about them.
  void sweep();
  // Sweeps when it is time for it, and ends the calls that are late. Cheap where nothing waits.
  void tick();
  // How long a poll may last at most so that tick() comes in time; nothing while no call waits.
  [[nodiscard]] std::optional<std::chrono::milliseconds> poll_timeout() const;

  [[nodiscard]] bool is_waiting(std::uint64_t id) const { return waiting_.contains(id) || deciding_ == id; }
  // ID_VALID, for a handler that takes something from the caller after it has decided.
  [[nodiscard]] bool caller_waits(std::uint64_t id) const { return listener_.id_valid(id); }
  [[nodiscard]] const NotificationCounts& counts() const { return counts_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    NotificationHandler* handler = nullptr;
    std::optional<Clock::time_point> deadline;
    int late = 0;
  };
  [[nodiscard]] bool has_next() const;
  void serve(const Notification& call);
  [[nodiscard]] NotificationHandler* handler_of(const Notification& call);
  void wait_for_answer(std::uint64_t id, NotificationHandler& handler, const AnswerLater& later);
  void end_late_calls(Clock::time_point now);
  void finish(std::uint64_t id, Answer answer);
  [[nodiscard]] Result<Delivery> deliver(std::uint64_t id, Answer& answer);
  [[nodiscard]] Result<Delivery> deliver_both(std::uint64_t id, AnswerBoth& both);

  SeccompListener listener_;
  std::map<std::uint32_t, NotificationHandler*> handlers_;
  std::map<std::uint64_t, Waiting> waiting_;  // AnswerLater, by id
  std::optional<std::uint64_t> deciding_;
  NotificationHandler* last_ = nullptr;  // whose call was served last
  Clock::time_point next_sweep_;
  NotificationCounts counts_;
  bool over_ = false;
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_NOTIFICATION_LOOP_H_
