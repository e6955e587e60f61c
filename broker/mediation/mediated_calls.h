// The calls that make, change or remove something by name, as one table: for the filter that makes them wait for the
// broker, and for the mediator that performs them. docs/mediation.md says why each row is safe. Pure data; any thread.
#ifndef WRIT_BROKER_MEDIATION_MEDIATED_CALLS_H_
#define WRIT_BROKER_MEDIATION_MEDIATED_CALLS_H_

#include <fcntl.h>

#include <cstdint>
#include <span>
#include <vector>

#include "broker/policy/listener_filter.h"
#include "broker/policy/syscall_numbers.h"

namespace writ {

enum class Operation : std::uint8_t {
  kOpen,
  kTruncate,
  kMakeDirectory,
  kMakeNode,
  kUnlink,  // also rmdir: AT_REMOVEDIR
  kRename,
  kLink,
  kSymlink,
  kChangeMode,
  kChangeOwner,
  kSetTimes,
  kSetAttribute,
  kRemoveAttribute,
  kAccess,
  kUmask,
};

// What a symbolic link in the last place is.
enum class FinalLink : std::uint8_t {
  kFollowed,
  kMeant,  // the object itself, unless a slash follows it
  kName,   // a name that is made, taken away or moved: never followed
};

inline constexpr std::int8_t kNoArgument = -1;

// The bit of O_TMPFILE that O_DIRECTORY does not have: __O_TMPFILE of fcntl.h.
inline constexpr std::uint32_t kTemporaryBit = O_TMPFILE & ~O_DIRECTORY;

// One path argument. Without `path` the argument `directory` is a descriptor that is the object itself (fchmod).
struct CallPath {
  std::int8_t path = kNoArgument;
  std::int8_t directory = kNoArgument;  // none: the working directory
  FinalLink last_link = FinalLink::kMeant;
};

// What the arguments from `value` on are.
enum class Values : std::uint8_t {
  kPlain,    // numbers: mode, flags, length, owner and group
  kUtimbuf,  // pointers to times in the three forms that there are
  kTimevals,
  kTimespecs,
};

// Which calls of the number wait. The others need nobody: what they can do is bounded by the view.
enum class Waits : std::uint8_t {
  kAlways,
  kForWriting,      // open flags in `flags` that ask for more than reading
  kForWriteAccess,  // access mode in `value` with W_OK
};

struct MediatedCall {
  SyscallNumbers call;
  Operation operation;
  CallPath first;
  CallPath second = {};             // the new name of rename and link
  std::int8_t value = kNoArgument;  // first argument of the operation's own
  std::int8_t flags = kNoArgument;
  Waits waits = Waits::kAlways;
  Values values = Values::kPlain;
};

[[nodiscard]] std::span<const MediatedCall> mediated_calls();

// The row of a native number, or nullptr.
[[nodiscard]] const MediatedCall* find_mediated_call(std::int32_t number);

// True when the call of `row` with these arguments waits for the sake of changes.
[[nodiscard]] bool changes(const MediatedCall& row, std::span<const std::uint64_t, 6> arguments);

// The table as conditions for compile_listener_filter().
[[nodiscard]] std::vector<TrappedCall> mediated_traps(std::uint32_t audit_arch = kNativeAuditArch);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_MEDIATED_CALLS_H_
