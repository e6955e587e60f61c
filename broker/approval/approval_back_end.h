// ApprovalBackEnd: who answers a question while the call of a tool waits: a person at the terminal, a program at the
// other end of a descriptor, a file, or nobody.
//
// It lives in the poll loop of a run, and nothing in it blocks:
//
//   back_end.submit(question, now);                        // the call waits: AnswerLater
//   while (…) {
//     entries.clear(); …; back_end.add_poll_entries(entries);
//     poll(entries, …);                                    // not beyond back_end.deadline()
//     for (const AnsweredQuestion& done : back_end.on_ready(Clock::now())) …answer the call of done.id…
//   }
//
// Every question that was submitted gets exactly one answer, and it comes out of on_ready(): a denied, withdrawn or
// timed-out one as well. Threads: one at a time. Fork: a child must leave by _exit or execve.
#ifndef WRIT_BROKER_APPROVAL_APPROVAL_BACK_END_H_
#define WRIT_BROKER_APPROVAL_APPROVAL_BACK_END_H_

#include <poll.h>

#include <optional>
#include <vector>

#include "broker/approval/approval_answer.h"
#include "broker/approval/approval_clock.h"
#include "broker/approval/approval_question.h"

namespace writ {

class ApprovalBackEnd {
 public:
  ApprovalBackEnd() = default;
  ApprovalBackEnd(const ApprovalBackEnd&) = delete;
  ApprovalBackEnd& operator=(const ApprovalBackEnd&) = delete;
  virtual ~ApprovalBackEnd() = default;

  // Takes the question; deadline() then says when to call on_ready().
  virtual void submit(ApprovalQuestion question, ApprovalTime now) = 0;

  // Withdraws a question: it is answered kDeny with `cause` (kCancelled or kAskerGone). Nothing for one that is unknown
  // or answered already.
  virtual void cancel(QuestionId id, ApprovalCause cause) = 0;

  // The process was stopped and goes on (SIGCONT): the screen shows something else by now.
  virtual void on_continue() {}

  // What on_ready() waits for now. The entries need not be handed back: on_ready() finds out itself.
  virtual void add_poll_entries(std::vector<pollfd>& entries) const = 0;

  // When on_ready() is to be called although no descriptor is ready; in the past: at once. Nothing: only then.
  [[nodiscard]] virtual std::optional<ApprovalTime> deadline() const = 0;

  // Goes on with everything that is possible without waiting, and returns what is decided.
  [[nodiscard]] virtual std::vector<AnsweredQuestion> on_ready(ApprovalTime now) = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_APPROVAL_BACK_END_H_
