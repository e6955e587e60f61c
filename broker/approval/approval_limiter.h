// ApprovalLimiter: keeps a tool from asking until somebody gives in. One for each run. Pure; the caller brings the
// time.
#ifndef WRIT_BROKER_APPROVAL_APPROVAL_LIMITER_H_
#define WRIT_BROKER_APPROVAL_APPROVAL_LIMITER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "broker/approval/approval_clock.h"

namespace writ {

struct ApprovalLimits {
  std::chrono::milliseconds time_out{60'000};  // from the moment in which it is the question's turn
  std::size_t denials_of_one_object = 3;       // then it is denied without asking
  std::size_t questions_in_a_minute = 12;      // more are denied without asking
  std::size_t waiting = 64;                    // more at one time are denied without asking
};

enum class Admission : std::uint8_t { kAsk, kDeniedTooOften, kTooManyQuestions };

class ApprovalLimiter {
 public:
  explicit ApprovalLimiter(const ApprovalLimits& limits) : limits_(limits) {}

  // Whether a question about `object` (object_number()) may be asked now; counts it if so.
  [[nodiscard]] Admission admit(std::uint64_t object, ApprovalTime now);

  // `object` was denied, by somebody or because nobody answered.
  void note_denied(std::uint64_t object);

  // So many denied objects are remembered; a run that has more is not asked about others any more.
  static constexpr std::size_t kRememberedObjects = 4096;

 private:
  ApprovalLimits limits_;
  std::deque<ApprovalTime> asked_;  // within the last minute
  std::unordered_map<std::uint64_t, std::size_t> denials_;
};

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_APPROVAL_LIMITER_H_
