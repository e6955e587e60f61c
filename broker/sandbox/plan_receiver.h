// Receiving what the broker sends to a sandbox: a sealed memory file of plain data, and descriptors. Used by init for
// the plan and by the tool's process for the order; raw system calls only, no allocation.
#ifndef WRIT_BROKER_SANDBOX_PLAN_RECEIVER_H_
#define WRIT_BROKER_SANDBOX_PLAN_RECEIVER_H_

#include <array>
#include <cstddef>

#include "broker/sandbox/child_plan.h"

namespace writ {

struct ReceivedPlan {
  char* bytes = nullptr;                                // mapped privately, so that nobody can change it under us
  std::size_t size = 0;                                 // of the mapping; 0: there is none to give back
  std::array<int, kPlanDescriptorLimit> descriptors{};  // 0: the memory file itself
};

// An order of up to this size may come in the message itself, behind its head.
inline constexpr std::size_t kInlineOrderLimit = std::size_t{32} << 10;

// Waits for the message `command` on `control`. Returns 0 when the broker is gone, a negative errno for anything
// unexpected, else 1. `magic` and `head_size` are those of the structure at the start of the memory file, or of what
// came in its place: then the first descriptor has the index 1 all the same.
[[nodiscard]] long receive_plan_message(int control, InitCommand command, std::uint32_t magic, std::size_t head_size,
                                        ReceivedPlan& received);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_PLAN_RECEIVER_H_
