#include "launcher/run_approvals.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "broker/approval/approve_option.h"
#include "broker/approval/descriptor_protocol.h"
#include "broker/approval/question_text.h"
#include "broker/base/escape.h"
#include "broker/kernel/acting_identity.h"
#include "launcher/approval_queue.h"
#include "launcher/approval_rule.h"
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

std::vector<std::string> capped(const std::vector<std::string>& argv) {
  std::vector<std::string> shown;
  for (const std::string& word : argv) {
    if (shown.size() == kAskedArguments) break;
    shown.push_back(word.substr(0, kAskedArgumentSize));
  }
  return shown;
}

ApprovalRecord record_of(const QuestionDraft& draft) {
  ApprovalRecord record;
  record.rights = draft.rights;
  record.kind = object_kind(draft.object);
  record.object = object_bytes(draft.object);
  if (const auto* command = std::get_if<CommandObject>(&draft.object)) {
    record.argv = capped(command->argv);
    record.arguments = command->argv.size();
  }
  record.program = draft.asker.program;
  record.rule = draft.rule.text;
  return record;
}

ApprovalQuestion question_of(QuestionDraft draft) {
  ApprovalQuestion question;
  question.possible = possible(draft.reach);
  question.rights = draft.rights;
  question.object = std::move(draft.object);
  question.requested = std::move(draft.requested);
  question.rule = std::move(draft.rule);
  question.asker = std::move(draft.asker);
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
  const QueueOpener open_queue = [&](const AskQueue& queue) {
    return open_queue_of_run(queue, options, setup, writable);
  };
  WRIT_ASSIGN(auto back_end, open_back_end(choice, terminal_options(hand_over), writable, open_queue));
  WRIT_ASSIGN(auto standing, StandingApprovals::open(setup.person.configuration_home, setup.profile.name, writable));
  // With --approve=deny the person wants nothing allowed that the profile does not allow by itself.
  if (std::holds_alternative<DenyEverything>(choice)) standing.forget();
  return std::unique_ptr<RunApprovals>(
      new RunApprovals(std::move(back_end), std::move(standing), broad_places(setup.person, setup.workspace)));
}

void RunApprovals::ask(std::uint64_t call, QuestionDraft draft, AnswerTaker& taker) {
  Waiting waiting{call, &taker, draft.reach, record_of(draft), {}};
  if (standing_.can_write() && !over_broad_rule(draft.object, places_)) waiting.always_rule = approval_rule(draft);
  ApprovalQuestion question = question_of(std::move(draft));
  question.id = QuestionId{++last_id_};
  question.always_rule = waiting.always_rule;
  waiting_.emplace(question.id, std::move(waiting));
  if (auto known = standing_.find(question)) {
    known_.push_back({question.id, std::move(*known)});
    return;
  }
  if (authority_ != nullptr)
    unclaimed_.push_back(std::move(question));
  else
    back_end_->submit(std::move(question), ApprovalClock::now());
}

void RunApprovals::withdraw(std::uint64_t call) {
  const auto found =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& entry) { return entry.second.call == call; });
  if (found == waiting_.end()) return;
  // Nothing was reserved for it yet, and nothing will be.
  const auto gone = [&](const ApprovalQuestion& question) { return question.id == found->first; };
  if (std::erase_if(unclaimed_, gone) > 0)
    known_.push_back({found->first, denial(ApprovalCause::kAskerGone, "the process that asked is gone")});
  else
    back_end_->cancel(found->first, ApprovalCause::kAskerGone);
}

std::optional<std::chrono::milliseconds> RunApprovals::poll_timeout() const {
  if (!known_.empty() || !unclaimed_.empty()) return std::chrono::milliseconds(0);
  const auto expiry = authority_ == nullptr ? std::nullopt : authority_->poll_timeout();
  const auto deadline = back_end_->deadline();
  if (!deadline) return expiry;
  const auto left = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(*deadline - ApprovalClock::now()),
                               std::chrono::milliseconds(0), std::chrono::milliseconds(3'600'000));
  return std::min(left, expiry.value_or(left));
}

// What somebody revoked beats what was allowed: that is looked at first.
void RunApprovals::ask_authority() {
  ActingIdentity::step_back();
  for (const WithdrawnGrant& grant : authority_->take_withdrawn()) withdrawn_(grant);
  for (ApprovalQuestion& question : std::exchange(unclaimed_, {})) {
    auto claim = authority_->claim(question);
    if (!claim) {
      back_end_->submit(std::move(question), ApprovalClock::now());
      continue;
    }
    auto waiting = waiting_.extract(question.id);
    if (!waiting.empty()) finish_claim(std::move(waiting.mapped()), std::move(*claim));
  }
}

// The use was taken before; whatever happens from here on counts as done, unless it certainly does not begin.
void RunApprovals::finish_claim(Waiting waiting, AuthorityClaim claim) {
  const bool stands = authority_->may_proceed(claim);
  if (!stands) claim.answer = denial(ApprovalCause::kCapability, "the capability was taken back in the meantime");
  finish(std::move(waiting), claim.answer);
  const Status settled = authority_->settle(claim, stands ? EffectOutcome::kDone : EffectOutcome::kNotStarted);
  if (!settled) print_message("warning: " + settled.error().describe() + "; the use counts as taken");
}

void RunApprovals::serve() {
  if (authority_ != nullptr) ask_authority();
  std::vector<AnsweredQuestion> answered = std::exchange(known_, {});
  for (AnsweredQuestion& done : back_end_->on_ready(ApprovalClock::now())) answered.push_back(std::move(done));
  // A mediated call of this round may have left root's broker acting as the tool. What the person allowed for ever is
  // written as who Writ is.
  if (!answered.empty()) ActingIdentity::step_back();
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
  const Approval approval = approval_of(answer, waiting.reach);
  waiting.record.answer = std::move(answer);
  if (records_.size() < kApprovalRecordLimit) records_.push_back(std::move(waiting.record));
  waiting.taker->take_answer(waiting.call, approval, reason);
}

}  // namespace writ
