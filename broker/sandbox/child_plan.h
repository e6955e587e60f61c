// What init and the tool's process need to know, computed beforehand, as plain data in sealed memory files. Texts and
// arrays lie behind the structure; a PlanRange is an offset from its start.
//
// ChildPlan is the sandbox: identity, view, limits. Init receives it and assembles everything. ToolOrder is what runs
// in it: program, arguments, descriptors, filter. The tool's process receives it as late as it can, so that a sandbox
// can be assembled before it is known, or while the rest of it is still being made.
//
// The broker makes both (plan_writer.h); the receiver maps them privately (plan_receiver.h). No pointers inside, except
// that the tool's process turns the argument vectors into pointers in its own private copy.
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
inline constexpr std::uint32_t kToolOrderMagic = 0x4f524452;  // "ORDR"
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

// May trees be attached to the view while the tool runs (late_mounts.h)? It keeps init in the namespace in which the
// view's mounts are not locked, so it is never on by itself.
enum class LateGrants : std::uint32_t { kNever, kPossible };

// The first members of both.
struct PlanHead {
  std::uint32_t magic;
  std::uint32_t size;
};

struct ChildPlan {
  PlanHead head;
  std::uint32_t layers;           // bit (1 << Layer): wanted
  std::uint32_t required_layers;  // bit set: failure of this layer stops the launch
  IdentityMap identity;           // of init's user namespace
  std::uint32_t tool_uid;         // what the tool's second user namespace calls init's inside ids
  std::uint32_t tool_gid;
  PlanRange host_name;
  PlanRange working_directory;
  std::int32_t view_index;  // the assembled view as a detached mount tree
  TerminalRole terminal;    // kControlling: `terminal_index` becomes the controlling terminal
  std::int32_t terminal_index;
  std::uint32_t limit_count;
  std::array<ProcessLimit, kPlanLimitCount> limits;
  std::int32_t landlock_index;  // ruleset
  LateGrants late_grants;       // kPossible: only with a view
  PlanRange filter;             // sock_filter[length], where all orders have the same; length 0: the order brings it
};
static_assert(std::is_trivially_copyable_v<ChildPlan>);

struct ToolOrder {
  PlanHead head;
  std::uint32_t descriptor_count;
  std::array<PlanDescriptor, kPlanGrantLimit> descriptors;  // sorted by number: 0, 1, 2 first
  PlanRange filter;                                         // sock_filter[length]; length 0: the plan has it
  PlanRange listener_filter;                                // sock_filter[length]; length 0: no listener
  std::int32_t program_index;                               // what was decided to be executed
  std::int32_t program_number;  // where that descriptor lies at the exec; kNoDescriptor: behind the tool's own
  PlanRange program_path;       // where the tool finds it
  PlanRange arguments;          // std::uint64_t[length + 1]: offsets, replaced by pointers; 0-terminated
  PlanRange environment;        // the same
};
static_assert(std::is_trivially_copyable_v<ToolOrder>);

// Broker → init; kOrder is taken by the tool's process. kAttach and kDetach are more than an InitRequest
// (tree_request.h). kPause and kResume: process_pause.h.
enum class InitCommand : std::uint32_t { kPlan, kOrder, kSignal, kAttach, kDetach, kPause, kResume };

struct InitRequest {
  InitCommand command;
  std::int32_t signal;  // kSignal: for the tool's process group
};

// The broker's name for one tree that it attaches to the running sandbox.
enum class AttachId : std::uint64_t {};

// What became of taking a tree away again. Each member: 0, the positive errno with which that step failed, or
// kStepNotTried.
inline constexpr std::int32_t kStepNotTried = -1;
struct DetachOutcome {
  // 0: nothing in the sandbox held any of it, so nothing is left of the grant. EBUSY: a working directory, an open file
  // or another mount below holds it, and the other steps were taken.
  std::int32_t unmount;
  std::int32_t forbid_execution;  // for the holders
  std::int32_t forbid_writing;    // for the holders; EBUSY: a file of it is open for writing
  std::int32_t detach;            // 0: the tree has no name in the view any more; the holders keep what they hold
};

// What a pause has found, or a resume has left: processes of the sandbox, without init, by their state at that moment.
struct PauseOutcome {
  std::int32_t stopped;    // kPaused: run no more. kResumed: stay stopped, because they were before the pause
  std::int32_t in_kernel;  // wait within a system call that no stop interrupts; they stop before they leave it
  std::int32_t running;    // kPaused: were seen running, or interruptible, until init gave up waiting
};

// Init → broker.
enum class InitEvent : std::uint32_t {
  kListener,  // before kStarted, where the plan has a listener filter; sent by the tool's process, carries the listener
  kStarted,   // the tool executes its program; carries the tool's pidfd, but for sandboxes made from a template
  kFailed,    // `step` could not be done because of `error`; nothing runs
  kStopped,   // the tool's main process was stopped by `status` (a signal)
  kExited,    // the tool's main process ended, and with a pid namespace everything else too; init exits
              // after this
  kAttached,  // the tree `tree` was attached (error 0) or not (`error`)
  kDetached,  // the tree `tree` has no name in the view any more (error 0), or still has it (`error`); see `detach`
  kPaused,    // every process was told to stop (error 0), or this sandbox cannot be paused (`error`); see `pause`
  kResumed,   // every process that the pause had stopped goes on; see `pause`
};

// How full a private file system was when the tool had ended; all zero where there is none.
struct ScratchUse {
  std::uint64_t size;  // bytes
  std::uint64_t free;
  std::uint64_t free_names;
};

struct InitReport {
  InitEvent event;
  SetupStep step;
  std::int32_t error;             // positive errno
  std::int32_t status;            // kExited: wait status as wait4(2) gives it; kStopped: signal
  std::uint32_t degraded_layers;  // preferred layers that could not be had
  std::array<std::int32_t, kLayerCount> layer_errors;
  rusage usage;          // kExited: of all processes init reaped
  AttachId tree;         // kAttached, kDetached
  DetachOutcome detach;  // kDetached
  PauseOutcome pause;    // kPaused, kResumed
  ScratchUse tmp;        // kExited: of /tmp and the home
  ScratchUse shm;        // kExited: of /dev/shm
};
static_assert(std::is_trivially_copyable_v<InitReport>);

[[nodiscard]] constexpr std::uint32_t layer_bit(Layer layer) { return 1u << static_cast<unsigned>(layer); }

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_CHILD_PLAN_H_
