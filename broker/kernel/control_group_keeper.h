// ControlGroupKeeper: the process that removes a control group when its owner is gone; and the sweep of what a killed
// keeper left. Internal to broker/kernel.
//
// The keeper is in a session of its own (no signal of a terminal reaches it), holds the directories and the reading end
// of a pipe, and waits for the end of file. It is forked before the group is made, so that there is no moment at which
// a group exists and nobody would remove it.
#ifndef WRIT_BROKER_KERNEL_CONTROL_GROUP_KEEPER_H_
#define WRIT_BROKER_KERNEL_CONTROL_GROUP_KEEPER_H_

#include <sys/types.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

inline constexpr std::size_t kKeptGroups = 6;

// A directory that may or may not exist yet.
struct KeptGroup {
  int parent = -1;  // borrowed
  std::string name;
};

// cgroup v2: the owner went into a leaf of its group, in order to give the group's controllers to its children. When it
// dies this is undone: the controllers are taken back and the leaf is removed.
struct LeftGroup {
  int group = -1;         // borrowed; -1: nothing of the kind
  std::string leaf;       // name below it
  std::string take_back;  // for cgroup.subtree_control: "-memory -cpu"
};

class ControlGroupKeeper {
 public:
  // Forks the keeper of `groups`, at most kKeptGroups.
  [[nodiscard]] static Result<ControlGroupKeeper> start(const std::vector<KeptGroup>& groups,
                                                        const LeftGroup& left = {});

  ControlGroupKeeper(ControlGroupKeeper&&) noexcept = default;
  ControlGroupKeeper& operator=(ControlGroupKeeper&&) = delete;
  ~ControlGroupKeeper() { finish(); }

  // Has the groups removed and waits for it. A leaf stays: the owner is in it.
  void finish();

 private:
  ControlGroupKeeper(pid_t keeper, UniqueFd life) : keeper_(keeper), life_(std::move(life)) {}

  pid_t keeper_ = -1;
  // The owner says good-bye: a byte, where a dead one says nothing.
  UniqueFd life_;
};

// Kills what is in the group `name` below the borrowed directory `parent`, waits for it and removes the group. Raw
// system calls only. Returns 0, also when there is no such group, or -errno.
[[nodiscard]] long remove_control_group(int parent, const char* name);

// Kills everything in the group below the borrowed directory `group` once. Raw. Returns how many processes it found, or
// -errno.
[[nodiscard]] long kill_control_group(int group);

// `writ-PID-START-RANDOM` of the calling process. Error: /proc or randomness is not there.
[[nodiscard]] Result<std::string> make_control_group_name();

// Whether `name` is one of ours and its maker is gone.
[[nodiscard]] bool is_abandoned_control_group(std::string_view name);

// Removes the empty groups below the borrowed directory `parent` whose makers are gone.
void sweep_control_groups(int parent);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_CONTROL_GROUP_KEEPER_H_
