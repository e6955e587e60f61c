// QuestionQueue: the questions that wait for an answer, and the answers that wait to be fetched. What the back ends
// with somebody behind them share: order, limits, time-outs, and that each question is answered exactly once. Pure; the
// caller brings the time.
#ifndef WRIT_BROKER_APPROVAL_QUESTION_QUEUE_H_
#define WRIT_BROKER_APPROVAL_QUESTION_QUEUE_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/approval/approval_clock.h"
#include "broker/approval/approval_limiter.h"
#include "broker/approval/approval_question.h"

namespace writ {

class QuestionQueue {
 public:
  explicit QuestionQueue(const ApprovalLimits& limits) : limits_(limits), limiter_(limits) {}

  // Appends the question, or denies it at once when there are too many. True: it waits now.
  bool add(ApprovalQuestion question, ApprovalTime now);

  [[nodiscard]] const ApprovalQuestion* first() const {
    return waiting_.empty() ? nullptr : &waiting_.front().question;
  }
  [[nodiscard]] const ApprovalQuestion* find(QuestionId id) const;
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }

  // The time-out of `id` begins now, unless it has begun before.
  void begin(QuestionId id, ApprovalTime now);
  // Denies what has waited for too long.
  void expire(ApprovalTime now);
  // When expire() has something to do next.
  [[nodiscard]] std::optional<ApprovalTime> next_time_out() const;

  // Answers one question. An outcome that it does not offer becomes a denial. What somebody decided for more than one
  // call also answers the others that ask the very same; of `always` they get `run` or `once`, so that the rule is
  // written once.
  void answer(QuestionId id, ApprovalAnswer answer);
  // Denies one question, whatever else asks the same.
  void withdraw(QuestionId id, ApprovalCause cause);
  // Denies everything that waits.
  void deny_all(ApprovalCause cause, std::string_view text);
  // Denies a question that never waited.
  void refuse(QuestionId id, ApprovalCause cause, std::string_view text);

  [[nodiscard]] bool has_answers() const { return !answers_.empty(); }
  [[nodiscard]] std::vector<AnsweredQuestion> take_answers();

 private:
  struct Waiting {
    ApprovalQuestion question;
    std::optional<ApprovalTime> ends;
  };
  using Place = std::deque<Waiting>::iterator;

  [[nodiscard]] Place place_of(QuestionId id);
  void finish(const Place& place, ApprovalAnswer answer);
  void answer_the_same(const ApprovalQuestion& question, ApprovalAnswer answer);

  ApprovalLimits limits_;
  ApprovalLimiter limiter_;
  std::deque<Waiting> waiting_;
  std::vector<AnsweredQuestion> answers_;
};

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_QUESTION_QUEUE_H_
