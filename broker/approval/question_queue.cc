#include "broker/approval/question_queue.h"

#include <algorithm>
#include <string>
#include <utility>

namespace writ {
namespace {

std::string time_out_text(std::chrono::milliseconds time_out) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(time_out).count();
  return "nobody answered within " + std::to_string(seconds) + " s";
}

std::string_view admission_text(Admission admission) {
  return admission == Admission::kDeniedTooOften ? "this was denied before, and is not asked again in this run"
                                                 : "the tool asks too often";
}

// Whether the answer is somebody's opinion about the object, and not about the fate of one call.
bool is_about_the_object(const ApprovalAnswer& answer) {
  return answer.outcome != ApprovalOutcome::kAllowOnce && answer.cause != ApprovalCause::kCancelled &&
         answer.cause != ApprovalCause::kAskerGone;
}

}  // namespace

bool QuestionQueue::add(ApprovalQuestion question, ApprovalTime now) {
  if (waiting_.size() >= limits_.waiting) {
    refuse(question.id, ApprovalCause::kRateLimited, "too many questions wait already");
    return false;
  }
  const Admission admission = limiter_.admit(object_number(question.object), now);
  if (admission != Admission::kAsk) {
    refuse(question.id, ApprovalCause::kRateLimited, admission_text(admission));
    return false;
  }
  waiting_.push_back({std::move(question), std::nullopt});
  return true;
}

QuestionQueue::Place QuestionQueue::place_of(QuestionId id) {
  return std::find_if(waiting_.begin(), waiting_.end(), [id](const Waiting& entry) { return entry.question.id == id; });
}

const ApprovalQuestion* QuestionQueue::find(QuestionId id) const {
  for (const Waiting& entry : waiting_)
    if (entry.question.id == id) return &entry.question;
  return nullptr;
}

void QuestionQueue::begin(QuestionId id, ApprovalTime now) {
  const Place place = place_of(id);
  if (place != waiting_.end() && !place->ends) place->ends = now + limits_.time_out;
}

void QuestionQueue::expire(ApprovalTime now) {
  std::vector<QuestionId> late;
  for (const Waiting& entry : waiting_)
    if (entry.ends && *entry.ends <= now) late.push_back(entry.question.id);
  for (const QuestionId id : late) answer(id, denial(ApprovalCause::kTimedOut, time_out_text(limits_.time_out)));
}

std::optional<ApprovalTime> QuestionQueue::next_time_out() const {
  std::optional<ApprovalTime> next;
  for (const Waiting& entry : waiting_)
    if (entry.ends && (!next || *entry.ends < *next)) next = entry.ends;
  return next;
}

void QuestionQueue::answer(QuestionId id, ApprovalAnswer answer) {
  const Place place = place_of(id);
  if (place == waiting_.end()) return;
  if (!offered_outcomes(place->question).has(answer.outcome)) {
    answer.text = "the answer '" + std::string(outcome_name(answer.outcome)) + "' was not offered";
    answer.outcome = ApprovalOutcome::kDeny;
  }
  const ApprovalQuestion question = place->question;
  finish(place, answer);
  if (!is_about_the_object(answer)) return;
  if (answer.outcome == ApprovalOutcome::kDeny) limiter_.note_denied(object_number(question.object));
  answer_the_same(question, std::move(answer));
}

void QuestionQueue::answer_the_same(const ApprovalQuestion& question, ApprovalAnswer answer) {
  if (answer.outcome == ApprovalOutcome::kAllowAlways) {
    const bool run = offered_outcomes(question).has(ApprovalOutcome::kAllowRun);
    answer.outcome = run ? ApprovalOutcome::kAllowRun : ApprovalOutcome::kAllowOnce;
  }
  if (!offered_outcomes(question).has(answer.outcome)) return;
  const auto same = [&](const Waiting& entry) { return asks_the_same(entry.question, question); };
  for (Place place; (place = std::find_if(waiting_.begin(), waiting_.end(), same)) != waiting_.end();)
    finish(place, answer);
}

void QuestionQueue::withdraw(QuestionId id, ApprovalCause cause) {
  const Place place = place_of(id);
  if (place == waiting_.end()) return;
  finish(place, denial(cause, cause == ApprovalCause::kAskerGone ? "the process that asked is gone" : "withdrawn"));
}

void QuestionQueue::deny_all(ApprovalCause cause, std::string_view text) {
  while (!waiting_.empty()) finish(waiting_.begin(), denial(cause, std::string(text)));
}

void QuestionQueue::refuse(QuestionId id, ApprovalCause cause, std::string_view text) {
  answers_.push_back({id, denial(cause, std::string(text))});
}

void QuestionQueue::finish(const Place& place, ApprovalAnswer answer) {
  answers_.push_back({place->question.id, std::move(answer)});
  waiting_.erase(place);
}

std::vector<AnsweredQuestion> QuestionQueue::take_answers() { return std::exchange(answers_, {}); }

}  // namespace writ
