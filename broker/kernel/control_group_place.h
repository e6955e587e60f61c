// ControlGroupPlace: where the calling process may make control groups of its own (cgroups(7)). Found by looking; makes
// and changes nothing.
//
// Any thread.
#ifndef WRIT_BROKER_KERNEL_CONTROL_GROUP_PLACE_H_
#define WRIT_BROKER_KERNEL_CONTROL_GROUP_PLACE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"

namespace writ {

// Where to look; tests name other files.
struct ControlGroupSources {
  std::string membership = "/proc/self/cgroup";
  std::string mounts = "/proc/self/mountinfo";
  std::string bus_program = "/usr/bin/busctl";
  std::string bus_socket;                // empty: $XDG_RUNTIME_DIR/bus, or /run/user/UID/bus; root's is the system's
  std::vector<std::string> also_needed;  // controllers, beside what limits need
};

// Controllers that a group must have: "memory", "cpu".
using ControlGroupNeeds = std::vector<std::string>;

enum class ControlGroupForm : std::uint8_t {
  kUnified,    // cgroup v2: the own group, or its parent, is delegated to us
  kUserScope,  // cgroup v2: the person's systemd makes one
  kSeparate,   // cgroup v1: one hierarchy for each controller
};

// One directory in which a group can be made, and what it controls.
struct ControlGroupParent {
  std::string path;
  std::vector<std::string> controllers;

  [[nodiscard]] bool controls(std::string_view controller) const;
};

struct ControlGroupPlace {
  ControlGroupForm form = ControlGroupForm::kSeparate;
  std::vector<ControlGroupParent> parents;  // kUnified: one; kUserScope: none
  // kUnified: the group has to be emptied of us, who are alone in it, before its controllers can be given to children
  // (cgroups(7), "no internal processes").
  bool must_leave = false;
  // kUnified: what is not given to children yet, "+memory +cpu"; empty: nothing is missing.
  std::string to_give;
  std::string bus_program;  // kUserScope
  std::string bus_socket;

  // "cgroup v1: memory, pids, cpu, freezer"
  [[nodiscard]] std::string describe() const;
};

// Returns the best place that has what `needs` says; one that has more is taken for what it has. Error: there is none;
// `what` says why for each form, the hint what to do.
[[nodiscard]] Result<ControlGroupPlace> find_control_group_place(const ControlGroupSources& sources,
                                                                 const ControlGroupNeeds& needs = {"memory", "cpu"});

// Parts of it, for tests. Pure.

// One line of /proc/PID/cgroup.
struct ControlGroupMembership {
  std::vector<std::string> controllers;  // empty: the unified hierarchy
  std::string path;
};
[[nodiscard]] std::vector<ControlGroupMembership> parse_control_group_membership(std::string_view text);

// One line of mountinfo about a cgroup file system.
struct ControlGroupMount {
  bool unified = false;
  std::string root;  // of the hierarchy that is visible at `point`
  std::string point;
  std::vector<std::string> options;  // v1: with the names of the controllers
};
[[nodiscard]] std::vector<ControlGroupMount> parse_control_group_mounts(std::string_view text);

// Returns where the group `path` is visible below `mount`, or an empty text when it is not.
[[nodiscard]] std::string visible_control_group(const ControlGroupMount& mount, std::string_view path);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_CONTROL_GROUP_PLACE_H_
