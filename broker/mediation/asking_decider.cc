#include "broker/mediation/asking_decider.h"

#include <algorithm>
#include <utility>

#include "broker/sandbox/host_path.h"

namespace writ {
namespace {

// What is beyond this is asked about again.
constexpr std::size_t kRememberedLimit = 1000;

QuestionDraft draft_about(const AccessRequest& request, const AccessVerdict& verdict) {
  QuestionDraft draft;
  draft.rights = request.rights;
  draft.object = PathObject{request.path};
  if (request.requested != request.path) draft.requested = request.requested;
  draft.rule = {verdict.rule, verdict.rule_origin, verdict.reason};
  draft.asker.process = request.thread;
  if (request.caller != nullptr) {
    draft.asker.program = request.caller->program();
    draft.asker.argv = request.caller->arguments();
  }
  draft.reach = request.reach;
  return draft;
}

}  // namespace

bool AskingDecider::is_remembered(Rights rights, std::string_view path) const {
  return std::any_of(allowed_.begin(), allowed_.end(),
                     [&](const Remembered& known) { return known.path == path && known.rights.covers(rights); });
}

void AskingDecider::withdraw(std::uint64_t id) {
  asked_.erase(id);
  if (questioner_ != nullptr) questioner_->withdraw(id);
}

std::size_t AskingDecider::forget(std::string_view path) {
  return std::erase_if(allowed_, [&](const Remembered& known) { return path_lies_in(known.path, path); });
}

void AskingDecider::settle(std::uint64_t id, Approval approval) {
  auto asked = asked_.extract(id);
  if (asked.empty() || approval != Approval::kRun || allowed_.size() >= kRememberedLimit) return;
  if (!is_remembered(asked.mapped().rights, asked.mapped().path)) allowed_.push_back(std::move(asked.mapped()));
}

AccessVerdict AskingDecider::decide(std::uint64_t id, const AccessRequest& request) {
  AccessVerdict verdict = policy_.decide(id, request);
  if (verdict.verdict != Verdict::kAsk) return verdict;
  if (is_remembered(request.rights, request.path)) {
    verdict.verdict = Verdict::kAllowed;
  } else if (questioner_ == nullptr) {
    verdict.verdict = Verdict::kDenied;
    verdict.reason = "a rule wants somebody asked, and nobody is there to ask";
  } else {
    verdict.verdict = Verdict::kLater;
    asked_[id] = {request.rights, request.path};
    questioner_->ask(id, draft_about(request, verdict), *taker_);
  }
  return verdict;
}

}  // namespace writ
