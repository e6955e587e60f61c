#include "broker/approval/approval_limiter.h"

namespace writ {
namespace {

constexpr std::chrono::minutes kWindow{1};

}  // namespace

Admission ApprovalLimiter::admit(std::uint64_t object, ApprovalTime now) {
  const auto found = denials_.find(object);
  if (found != denials_.end() && found->second >= limits_.denials_of_one_object) return Admission::kDeniedTooOften;
  // Without a place to remember another denial, the limit on denials would not hold for this object.
  if (found == denials_.end() && denials_.size() >= kRememberedObjects) return Admission::kDeniedTooOften;
  while (!asked_.empty() && now - asked_.front() >= kWindow) asked_.pop_front();
  if (asked_.size() >= limits_.questions_in_a_minute) return Admission::kTooManyQuestions;
  asked_.push_back(now);
  return Admission::kAsk;
}

void ApprovalLimiter::note_denied(std::uint64_t object) {
  if (denials_.size() < kRememberedObjects || denials_.contains(object)) ++denials_[object];
}

}  // namespace writ
