// The clock of approvals: CLOCK_MONOTONIC, so that setting the time of day does not lengthen a wait.
#ifndef WRIT_BROKER_APPROVAL_APPROVAL_CLOCK_H_
#define WRIT_BROKER_APPROVAL_APPROVAL_CLOCK_H_

#include <chrono>

namespace writ {

using ApprovalClock = std::chrono::steady_clock;
using ApprovalTime = ApprovalClock::time_point;

// Long ago: a deadline that has passed. (time_point::min() would overflow in `deadline - now`.)
inline constexpr ApprovalTime kAtOnce{};

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_APPROVAL_CLOCK_H_
