#include "broker/mediation/asking_decider.h"

#include <algorithm>

namespace writ {
namespace {

// What is beyond this is asked about again.
constexpr std::size_t kRememberedLimit = 1000;

}  // namespace

bool AskingDecider::is_remembered(const AccessRequest& request) const {
  return std::any_of(allowed_.begin(), allowed_.end(), [&](const Remembered& known) {
    return known.path == request.path && known.rights.covers(request.rights);
  });
}

void AskingDecider::remember(const AccessRequest& request) {
  if (allowed_.size() < kRememberedLimit && !is_remembered(request)) allowed_.push_back({request.rights, request.path});
}

AccessVerdict AskingDecider::decide(std::uint64_t id, const AccessRequest& request) {
  AccessVerdict verdict = policy_.decide(id, request);
  if (verdict.verdict != Verdict::kAsk) return verdict;
  if (is_remembered(request)) {
    verdict.verdict = Verdict::kAllowed;
  } else if (questioner_ == nullptr) {
    verdict.verdict = Verdict::kDenied;
    verdict.reason = "a rule wants somebody asked, and nobody is there to ask";
  } else {
    verdict.verdict = Verdict::kLater;
    questioner_->ask(id, request, verdict);
  }
  return verdict;
}

}  // namespace writ
