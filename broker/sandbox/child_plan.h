// ChildPlan: everything that init and the tool need to know, computed before the clone, as plain data in one sealed
// memory file. Texts and arrays lie behind the structure; a PlanText is an offset from its start.
//
// The broker makes it (plan_writer.h); init maps it privately and is the only reader. No pointers inside, except that
// init turns the argument vectors into pointers in its own private copy.
#ifndef WRIT_BROKER_SANDBOX_CHILD_PLAN_H_
#define WRIT_BROKER_SANDBOX_CHILD_PLAN_H_

#include <sys/resource.h>

#include <array>
#include <cstdint>
#include <type_traits>

#include "broker/kernel/process_limits.h"
#include "broker/kernel/user_namespace.h"
#include "broker/policy/layer.h"
#include "broker/sandbox/setup_step.h"

namespace writ {

inline constexpr std::uint32_t kChildPlanMagic = 0x57524954;  // "WRIT"
inline constexpr std::int32_t kNoDescriptor = -1;

// Descriptors that may travel with one plan (SCM_MAX_FD of unix(7) is 253).
inline constexpr std::uint32_t kPlanDescriptorLimit = 128;
inline constexpr std::uint32_t kPlanLimitCount = 8;
inline constexpr std::uint32_t kPlanGrantLimit = 64;

// A range of bytes in the plan. Texts end in a NUL that `length` does not count.
struct PlanRange {
  std::uint32_t offset;
  std::uint32_t length;
};

// One descriptor of the tool: the number it gets, and its place in the message that brought it.
struct PlanDescriptor {
  std::int32_t number;
  std::int32_t index;
};

enum class TerminalRole : std::uint32_t { kNone, kControlling };

struct ChildPlan {
  std::uint32_t magic;
  std::uint32_t size;
  std::uint32_t layers;           // bit (1 << Layer): wanted
  std::uint32_t required_layers;  // bit set: failure of this layer stops the launch
  IdentityMap identity;           // of init's user namespace
  std::uint32_t tool_uid;         // what the tool's second user namespace calls init's inside ids
  std::uint32_t tool_gid;
  PlanRange host_name;
  PlanRange working_directory;
  std::int32_t view_index;  // the assembled view as a detached mount tree
  TerminalRole terminal;    // kControlling: descriptor 0…2 that is `terminal_number` becomes the controlling one
  std::int32_t terminal_number;
  std::uint32_t descriptor_count;
  std::array<PlanDescriptor, kPlanGrantLimit> descriptors;  // sorted by number: 0, 1, 2 first
  std::uint32_t limit_count;
  std::array<ProcessLimit, kPlanLimitCount> limits;
  std::int32_t landlock_index;  // ruleset
  PlanRange filter;             // sock_filter[length]
  PlanRange listener_filter;    // sock_filter[length]; length 0: no listener
  std::int32_t program_index;   // what was decided to be executed
  PlanRange program_path;       // where the tool finds it
  PlanRange arguments;          // std::uint64_t[length + 1]: offsets, replaced by pointers in init; 0-terminated
  PlanRange environment;        // the same
};
static_assert(std::is_trivially_copyable_v<ChildPlan>);

// Broker → init, after the plan.
enum class InitCommand : std::uint32_t { kPlan, kSignal };

struct InitRequest {
  InitCommand command;
  std::int32_t signal;  // kSignal: for the tool's process group
};

// Init → broker.
enum class InitEvent : std::uint32_t {
  kListener,  // before kStarted, where the plan has a listener filter; sent by the tool's process, carries the listener
  kStarted,   // the tool executes its program; carries the tool's pidfd
  kFailed,    // `step` could not be done because of `error`; nothing runs
  kStopped,   // the tool's main process was stopped by `status` (a signal)
  kExited,    // the tool's main process ended; init exits after this
};

struct InitReport {
  InitEvent event;
  SetupStep step;
  std::int32_t error;             // positive errno
  std::int32_t status;            // kExited: wait status as wait4(2) gives it; kStopped: signal
  std::uint32_t degraded_layers;  // preferred layers that could not be had
  std::array<std::int32_t, kLayerCount> layer_errors;
  rusage usage;  // kExited: of all processes init reaped
};
static_assert(std::is_trivially_copyable_v<InitReport>);

[[nodiscard]] constexpr std::uint32_t layer_bit(Layer layer) { return 1u << static_cast<unsigned>(layer); }

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_CHILD_PLAN_H_
