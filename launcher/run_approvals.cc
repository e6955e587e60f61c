#include "launcher/run_approvals.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "broker/approval/approve_option.h"
#include "broker/approval/question_text.h"
#include "broker/base/escape.h"
#include "launcher/message.h"

namespace writ {
namespace {

std::vector<std::string> writable_places(const Profile& profile) {
  std::vector<std::string> places;
  for (const PathGrant& grant : profile.filesystem.grants)
    if (grant.access == PathAccess::kWrite && ::access(grant.path.c_str(), F_OK) == 0) places.push_back(grant.path);
  return places;
}

Result<ApprovalChoice> choice_of(const RunOptions& options) {
  // A command's sandbox is nobody's to talk to: the question would come from nowhere.
  if (options.is_nested()) return DenyEverything{};
  return parse_approve_option(options.approve);
}

TerminalBackEndOptions terminal_options(TerminalHandOver* hand_over) {
  TerminalBackEndOptions terminal;
  const char* kind = std::getenv("TERM");
  terminal.colour = prompt_colour(std::getenv("NO_COLOR"), kind);
  if (kind == nullptr || std::string_view(kind) == "dumb") terminal.screen = ScreenKind::kDumb;
  const bool alone = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  terminal.company = alone ? TerminalCompany::kAlone : TerminalCompany::kShared;
  terminal.hand_over = hand_over;
  return terminal;
}

OutcomeSet possible(AnswerReach reach) {
  switch (reach) {
    case AnswerReach::kCall:
      return {ApprovalOutcome::kAllowOnce, ApprovalOutcome::kAllowAlways};
    case AnswerReach::kRun:
      return {ApprovalOutcome::kAllowRun, ApprovalOutcome::kAllowAlways};
    case AnswerReach::kCallOrRun:
      break;
  }
  return {ApprovalOutcome::kAllowOnce, ApprovalOutcome::kAllowRun, ApprovalOutcome::kAllowAlways};
}

std::string always_rule(const AccessRequest& request) {
  return approval_entry(request.reach == AnswerReach::kCall ? "once" : "run", request.rights, request.path);
}

ApprovalQuestion question_of(const AccessRequest& request, const AccessVerdict& verdict) {
  ApprovalQuestion question;
  question.rights = request.rights;
  question.object = PathObject{request.path};
  if (request.requested != request.path) question.requested = request.requested;
  question.rule = {verdict.rule, verdict.rule_origin, verdict.reason};
  question.asker.process = request.thread;
  if (request.caller != nullptr) {
    question.asker.program = request.caller->program();
    question.asker.argv = request.caller->arguments();
  }
  question.possible = possible(request.reach);
  return question;
}

Approval approval_of(const ApprovalAnswer& answer, AnswerReach reach) {
  if (answer.outcome == ApprovalOutcome::kDeny) return Approval::kDenied;
  if (answer.outcome == ApprovalOutcome::kAllowOnce || reach == AnswerReach::kCall) return Approval::kCall;
  return Approval::kRun;
}

}  // namespace

Result<std::unique_ptr<RunApprovals>> RunApprovals::open(const RunOptions& options, const RunSetup& setup,
                                                         TerminalHandOver* hand_over) {
  WRIT_ASSIGN(const ApprovalChoice choice, choice_of(options));
  const std::vector<std::string> writable = writable_places(setup.profile);
  WRIT_ASSIGN(auto back_end, open_back_end(choice, terminal_options(hand_over), writable));
  WRIT_ASSIGN(auto standing, StandingApprovals::open(setup.person.configuration_home, setup.profile.name, writable));
  // With --approve=deny the person wants nothing allowed that the profile does not allow by itself.
  if (std::holds_alternative<DenyEverything>(choice)) standing.forget();
  return std::unique_ptr<RunApprovals>(new RunApprovals(std::move(back_end), std::move(standing)));
}

void RunApprovals::ask(std::uint64_t id, const AccessRequest& request, const AccessVerdict& verdict) {
  ApprovalQuestion question = question_of(request, verdict);
  question.id = QuestionId{++last_id_};
  if (standing_.can_write()) question.always_rule = always_rule(request);
  Waiting waiting{
      id, request, {request.rights, request.path, question.asker.program, verdict.rule, {}}, question.always_rule};
  waiting.request.caller = nullptr;
  waiting_.emplace(question.id, std::move(waiting));
  if (auto known = standing_.find(question)) {
    known_.push_back({question.id, std::move(*known)});
    return;
  }
  back_end_->submit(std::move(question), ApprovalClock::now());
}

void RunApprovals::withdraw(std::uint64_t id) {
  const auto found =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& entry) { return entry.second.call == id; });
  if (found != waiting_.end()) back_end_->cancel(found->first, ApprovalCause::kAskerGone);
}

std::optional<std::chrono::milliseconds> RunApprovals::poll_timeout() const {
  if (!known_.empty()) return std::chrono::milliseconds(0);
  const auto deadline = back_end_->deadline();
  if (!deadline) return std::nullopt;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - ApprovalClock::now());
  return std::clamp(left, std::chrono::milliseconds(0), std::chrono::milliseconds(3'600'000));
}

void RunApprovals::serve() {
  std::vector<AnsweredQuestion> answered = std::exchange(known_, {});
  for (AnsweredQuestion& done : back_end_->on_ready(ApprovalClock::now())) answered.push_back(std::move(done));
  for (AnsweredQuestion& done : answered) {
    const auto found = waiting_.find(done.id);
    if (found == waiting_.end()) continue;
    Waiting waiting = std::move(found->second);
    waiting_.erase(found);
    finish(std::move(waiting), std::move(done.answer));
  }
}

void RunApprovals::finish(Waiting waiting, ApprovalAnswer answer) {
  if (answer.outcome == ApprovalOutcome::kAllowAlways)
    if (const Status written = standing_.append(waiting.always_rule); !written)
      print_message("warning: " + written.error().describe() + "; allowed for this run only");
  const std::string reason = std::string(cause_name(answer.cause)) + (answer.text.empty() ? "" : ": " + answer.text);
  const Approval approval = approval_of(answer, waiting.request.reach);
  waiting.record.answer = std::move(answer);
  if (records_.size() < kApprovalRecordLimit) records_.push_back(std::move(waiting.record));
  sink_(waiting.call, waiting.request, approval, reason);
}

}  // namespace writ
