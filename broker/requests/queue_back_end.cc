#include "broker/requests/queue_back_end.h"

#include <algorithm>
#include <utility>

#include "broker/base/escape.h"
#include "broker/kernel/acting_identity.h"
#include "broker/requests/request_binding.h"

namespace writ {
namespace {

constexpr const char* kOurselves = "Writ";

ApprovalAnswer unusable(std::string_view text) { return denial(ApprovalCause::kQueue, std::string(text)); }

std::string told(const RequestDecision& decision) {
  std::string text = "by " + escape_bytes(decision.by, 200);
  if (!decision.reason.empty()) text.append(": ").append(quote_bytes(decision.reason, 400));
  return text;
}

// The row may have been written by anybody: it must be the request that was sent, with nothing of it changed.
bool is_the_same(const HumanRequest& now, const HumanRequest& sent) {
  const auto* payload = std::get_if<PerUsePayload>(&now.payload);
  return now.id == sent.id && now.kind == sent.kind && now.subject == sent.subject &&
         now.argument_hash == sent.argument_hash && now.target_version == sent.target_version && payload != nullptr &&
         argument_hash(payload->question) == sent.argument_hash;
}

}  // namespace

std::optional<ApprovalAnswer> answer_of_request(const HumanRequest& now, const HumanRequest& sent,
                                                const ApprovalQuestion& question) {
  if (!is_the_same(now, sent)) return unusable("the request in the queue is not the one that was asked");
  if (now.status == RequestStatus::kPending && now.revision == sent.revision) return std::nullopt;
  if (!now.decision || now.revision != sent.revision + 1) return unusable("the request was changed in the queue");
  if (now.status == RequestStatus::kCancelled)
    return denial(ApprovalCause::kCancelled, "cancelled " + told(*now.decision));
  if (now.status == RequestStatus::kRejected) return denial(ApprovalCause::kPerson, "denied " + told(*now.decision));
  if (now.status != RequestStatus::kApproved || now.decision->outcome == ApprovalOutcome::kDeny)
    return unusable("the queue holds no answer to a call that waits");
  if (argument_hash(question) != now.argument_hash) return unusable("the answer is about another call");
  if (target_version(question.object) != now.target_version) return unusable("what was asked about has changed since");
  return ApprovalAnswer{now.decision->outcome, ApprovalCause::kPerson, "approved " + told(*now.decision)};
}

QueueBackEnd::QueueBackEnd(QueueOptions options, RequestStore store, std::string subject, RequestOwner owner)
    : options_(std::move(options)),
      store_(std::move(store)),
      watch_(options_.directory),
      subject_(std::move(subject)),
      owner_(std::move(owner)),
      queue_(options_.limits) {}

Result<std::unique_ptr<QueueBackEnd>> QueueBackEnd::open(QueueOptions options) {
  WRIT_ASSIGN(RequestOwner owner, request_owner_of_this_process());
  WRIT_ASSIGN(const RequestId random, RequestId::make());
  std::string subject = "run_" + random.text().substr(kRequestIdPrefix.size());
  WRIT_ASSIGN(RequestStore store, RequestStore::open(options.directory));
  return std::unique_ptr<QueueBackEnd>(
      new QueueBackEnd(std::move(options), std::move(store), std::move(subject), std::move(owner)));
}

QueueBackEnd::~QueueBackEnd() {
  while (!waiting_.empty()) forget(waiting_.begin()->first, "the run has ended");
}

Result<HumanRequest> QueueBackEnd::request_about(const ApprovalQuestion& question) const {
  WRIT_ASSIGN(RequestId id, RequestId::make());
  HumanRequest request(std::move(id));
  request.subject = subject_;
  request.payload = PerUsePayload{question, options_.workspace, options_.profile};
  request.argument_hash = argument_hash(question);
  request.target_version = target_version(question.object);
  request.owner = owner_;
  request.created_ms = wall_clock_ms();
  request.deadline_ms = request.created_ms + options_.limits.time_out.count();
  return request;
}

Status QueueBackEnd::put(const ApprovalQuestion& question) {
  // A mediated call may have left root's broker acting as the tool: the store is the person's.
  ActingIdentity::step_back();
  WRIT_ASSIGN(HumanRequest request, request_about(question));
  WRIT_TRY(store_.add(request));
  if (options_.announce) options_.announce(request.id);
  waiting_.emplace(question.id, std::move(request));
  return {};
}

void QueueBackEnd::submit(ApprovalQuestion question, ApprovalTime now) {
  const QuestionId id = question.id;
  if (!queue_.add(question, now)) return;
  queue_.begin(id, now);
  if (const Status waits = put(question); !waits) return queue_.answer(id, unusable(waits.error().describe()));
  watch_.looked(now);
}

void QueueBackEnd::cancel(QuestionId id, ApprovalCause cause) {
  queue_.withdraw(id, cause);
  forget(id, cause == ApprovalCause::kAskerGone ? "the process that asked is gone" : "withdrawn");
}

void QueueBackEnd::add_poll_entries(std::vector<pollfd>& entries) const {
  if (!waiting_.empty() && watch_.descriptor() >= 0) entries.push_back({watch_.descriptor(), POLLIN, 0});
}

std::optional<ApprovalTime> QueueBackEnd::deadline() const {
  if (queue_.has_answers()) return kAtOnce;
  if (waiting_.empty()) return std::nullopt;
  return std::min(watch_.next_look(), queue_.next_time_out().value_or(watch_.next_look()));
}

std::vector<AnsweredQuestion> QueueBackEnd::on_ready(ApprovalTime now) {
  if (!waiting_.empty() && watch_.take_due(now)) look();
  queue_.expire(now);
  std::vector<AnsweredQuestion> answered = queue_.take_answers();
  for (const AnsweredQuestion& one : answered)
    forget(one.id, one.answer.cause == ApprovalCause::kTimedOut ? "nobody answered in time" : "answered otherwise");
  return answered;
}

void QueueBackEnd::look() {
  ActingIdentity::step_back();
  const Result<bool> changed = store_.changed();
  // What cannot be read now may be read at the next look: until the time is up, nothing is decided.
  if (!changed || !*changed) return;
  std::vector<QuestionId> ids;
  for (const auto& [id, sent] : waiting_) ids.push_back(id);
  for (const QuestionId id : ids)
    if (const auto found = waiting_.find(id); found != waiting_.end()) look_at(id, found->second);
}

void QueueBackEnd::look_at(QuestionId id, const HumanRequest& sent) {
  const ApprovalQuestion* question = queue_.find(id);
  if (question == nullptr) return;
  const auto row = store_.find(sent.id);
  if (!row) return queue_.answer(id, unusable(row.error().describe()));
  if (!*row) return queue_.answer(id, unusable("the request is gone from the queue"));
  if (auto answer = answer_of_request(**row, sent, *question)) queue_.answer(id, std::move(*answer));
}

// Cancels it for others, if it is pending still.
void QueueBackEnd::forget(QuestionId id, const std::string& reason) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return;
  ActingIdentity::step_back();
  (void)store_.cancel(found->second.id, reason, kOurselves);
  waiting_.erase(found);
}

}  // namespace writ
