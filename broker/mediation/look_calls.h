// The calls that look at something by name and change nothing, as one table: for the filter that makes them wait where
// a rule asks, and for the mediator that then asks. Pure data; any thread.
#ifndef WRIT_BROKER_MEDIATION_LOOK_CALLS_H_
#define WRIT_BROKER_MEDIATION_LOOK_CALLS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "broker/mediation/mediated_calls.h"

namespace writ {

enum class Look : std::uint8_t {
  kOpen,     // the file itself can be handed over
  kInspect,  // stat, access, readlink, attributes: about the object, which cannot be handed over
  kEnter,    // chdir, inotify: something of the caller's is bound to it
  kExecute,
};

struct LookCall {
  SyscallNumbers call;
  Look look;
  CallPath path;
  std::int8_t flags = kNoArgument;  // of open, or AT_*
};

[[nodiscard]] std::span<const LookCall> look_calls();

// The row of a native number, or nullptr.
[[nodiscard]] const LookCall* find_look_call(std::int32_t number);

// Both tables as conditions for compile_listener_filter(): every look, and with `kChangesToo` the mediated calls.
enum class TrapReach : std::uint8_t { kLooks, kChangesToo };
[[nodiscard]] std::vector<TrappedCall> look_traps(TrapReach reach, std::uint32_t audit_arch = kNativeAuditArch);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_LOOK_CALLS_H_
