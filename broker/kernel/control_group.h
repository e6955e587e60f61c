// ControlGroup: limits that hold for a whole sandbox, and what it used (cgroups(7)). A group of the sandbox's own,
// which init is put into before the tool is cloned; everything that comes after is in it, and cannot leave it.
//
// Names: `writ-PID-START-RANDOM` of the process that made it. A small process, the keeper, removes the group when that
// process is gone, however it ended; where the keeper was killed as well, the next run sweeps what is left.
//
// Ownership: owns the group; destroying it kills what is in it and removes it. Threads: one at a time. Fork: create()
// forks the keeper, which makes system calls only.
#ifndef WRIT_BROKER_KERNEL_CONTROL_GROUP_H_
#define WRIT_BROKER_KERNEL_CONTROL_GROUP_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/kernel/control_group_place.h"

namespace writ {

struct ControlGroupLimits {
  std::optional<std::uint64_t> memory;      // bytes
  std::uint64_t swap = 0;                   // bytes beside `memory`; only with it
  std::optional<std::uint64_t> cpus;        // thousandths of a processor
  std::optional<std::uint64_t> cpu_weight;  // 1 to 10000
  std::optional<std::uint64_t> processes;   // held where there is a controller for it
};

// What the kernel counted; absent: nobody counts it here.
struct ControlGroupUse {
  std::optional<std::uint64_t> memory_peak;  // bytes
  std::optional<std::uint64_t> processes_peak;
  std::optional<std::uint64_t> processes_refused;  // how often a process could not be made
  std::optional<std::chrono::microseconds> cpu_time;
  std::optional<std::uint64_t> periods_throttled;  // in which `cpus` was used up
  std::uint64_t killed_for_memory = 0;             // processes
};

enum class Frozen : std::uint8_t { kNo, kYes };

class ControlGroupBackend;
class ControlGroupKeeper;

class ControlGroup {
 public:
  // Makes a group with `limits` and puts `member` into it. Errors: no place for one, a limit that cannot be set
  // (nothing is left then).
  [[nodiscard]] static Result<ControlGroup> create(const ControlGroupLimits& limits, pid_t member,
                                                   const ControlGroupSources& sources = {});

  ControlGroup(ControlGroup&&) noexcept;
  ControlGroup& operator=(ControlGroup&&) = delete;
  ~ControlGroup();

  [[nodiscard]] ControlGroupUse use() const;

  // Becomes readable when the kernel found no more memory for the group; -1 where the kernel ends the group by itself
  // then.
  [[nodiscard]] int memory_descriptor() const;

  // Whether what is frozen can be killed, without which freezing is of no use.
  [[nodiscard]] bool can_freeze() const;
  // Stops everything in the group, and returns when nothing runs; or continues it. Errors: it cannot, it runs on.
  [[nodiscard]] Status set_frozen(Frozen frozen);

  // Kills everything in the group. Whoever forks meanwhile is killed as well.
  void kill_all();

  // Kills what is left in the group, waits for it and removes the group. Errors: something cannot be killed; the group
  // stays then, for later runs to sweep.
  [[nodiscard]] Status remove();

  // Whether the group has this controller: "pids".
  [[nodiscard]] bool counts(std::string_view controller) const;

  // "control group v1"
  [[nodiscard]] std::string name() const;
  // What of the limits this host's kernel cannot hold, in words.
  [[nodiscard]] const std::vector<std::string>& not_held() const;
  // Directories of the group.
  [[nodiscard]] std::vector<std::string> paths() const;

 private:
  [[nodiscard]] static Result<ControlGroup> create_scope(const ControlGroupPlace& place, const std::string& name,
                                                         const ControlGroupLimits& limits, pid_t member);

  ControlGroup(std::unique_ptr<ControlGroupBackend> backend, std::unique_ptr<ControlGroupKeeper> keeper);

  std::unique_ptr<ControlGroupBackend> backend_;  // null: moved from, or removed
  std::unique_ptr<ControlGroupKeeper> keeper_;    // null: somebody else removes the group (systemd)
};

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_CONTROL_GROUP_H_
