// What the process that makes many sandboxes from one template needs to know (template_process.h), as plain data in a
// sealed memory file: the plan of one sandbox (child_plan.h), and what every sandbox gets for itself. And the messages
// between that process and the broker.
#ifndef WRIT_BROKER_SANDBOX_TEMPLATE_PLAN_H_
#define WRIT_BROKER_SANDBOX_TEMPLATE_PLAN_H_

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <type_traits>

#include "broker/sandbox/child_plan.h"

namespace writ {

inline constexpr std::uint32_t kTemplatePlanMagic = 0x544d504c;  // "TMPL"
inline constexpr std::size_t kTemplateAreaLimit = 4;             // /tmp, /var/tmp, /dev/shm, the home
inline constexpr std::size_t kTemplateEntryLimit = 64;

enum class AreaFileSystem : std::uint32_t { kScratch, kSharedMemory };
enum class AreaExecution : std::uint32_t { kAllowed, kDenied };
enum class AreaEntryKind : std::uint32_t { kDirectory, kFile, kLink };

// A private directory, made anew in each sandbox. All of kScratch share one file system.
struct PlanArea {
  PlanRange path;
  std::uint32_t mode;
  AreaFileSystem file_system;
  AreaExecution execution;
};

// What the template has at a place within an area, and what is therefore attached again once the area covers it.
struct PlanAreaEntry {
  PlanRange path;
  PlanRange link;  // kLink: its target
  AreaEntryKind kind;
};

// Options of a tmpfs, as texts.
struct PlanFileSystem {
  PlanRange size;
  PlanRange inodes;
};

struct TemplatePlan {
  ChildPlan child;  // comes first, so that its offsets are right
  PlanFileSystem scratch;
  PlanFileSystem shared_memory;
  std::uint32_t area_count;
  std::array<PlanArea, kTemplateAreaLimit> areas;  // outer ones first
  std::uint32_t entry_count;
  std::array<PlanAreaEntry, kTemplateEntryLimit> entries;  // outer ones first
};
static_assert(std::is_trivially_copyable_v<TemplatePlan>);

// Broker → template process: make one sandbox. With the descriptor of a network namespace that another sandbox had, or
// without.
struct TemplateRequest {
  std::uint32_t reserved;
};

enum class TemplateNetwork : std::uint32_t {
  kNone,   // the sandbox has none of its own
  kGiven,  // the one that came with the request
  kNew,    // another one, whose descriptor follows the control socket
};

// Template process → broker: first of all whether it is ready, then one for each request, in their order. With error 0
// the sandbox's control socket comes with it.
struct TemplateAnswer {
  pid_t pid;           // of the sandbox's init, a child of the broker; 0 in the first answer
  std::int32_t error;  // positive errno
  SetupStep step;      // that failed
  TemplateNetwork network;
};

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_TEMPLATE_PLAN_H_
